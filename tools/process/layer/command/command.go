// Package command is the command line of the layer program.
package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/soketsugo/soketsugo/tools/process/compression"
	"github.com/soketsugo/soketsugo/tools/process/layer/certificates"
	"github.com/soketsugo/soketsugo/tools/process/layer/rootfs"
)

// Exit codes of the program.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// fileMode is the mode of files that are not executable.
const fileMode fs.FileMode = 0o444

type options struct {
	output       string
	compression  string
	executables  []string
	files        []string
	certificates bool
	mode         string
	owner        string
}

// Run writes the layer that the arguments describe and returns the exit code.
func Run(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("layer", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.output, "output", "", "the tar `file` to write; its name ends in .tar.zst, .tar.gz or .tar, as the compression says")
	flags.StringVar(&o.compression, "compression", string(compression.Zstd), "zstd (the smallest), gzip or none")
	flags.Func("executable", "`/path=source`: an executable file of the image; may be repeated", appendTo(&o.executables))
	flags.Func("file", "`/path=source`: another file of the image, read-only; may be repeated", appendTo(&o.files))
	flags.BoolVar(&o.certificates, "ca-certificates", false, "add the certificate authorities of Mozilla as "+certificates.Path)
	flags.StringVar(&o.mode, "mode", "0555", "octal mode of the executables")
	flags.StringVar(&o.owner, "owner", "0:0", "numeric `user:group` that owns everything in the layer")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stdout, "usage: layer --output=FILE [FLAGS]")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return exitDone
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	var spec rootfs.Spec
	if err == nil {
		spec, err = o.spec()
	}
	if err != nil {
		fmt.Fprintf(stderr, "layer: %v\n", err)
		return exitUsage
	}
	if err := write(o.output, compression.Format(o.compression), spec); err != nil {
		fmt.Fprintf(stderr, "layer: %v\n", err)
		return exitFailed
	}
	return exitDone
}

// spec checks the options and turns them into what the layer holds.
func (o *options) spec() (rootfs.Spec, error) {
	format, err := compression.Parse(o.compression)
	if err != nil {
		return rootfs.Spec{}, err
	}
	if o.output == "" {
		return rootfs.Spec{}, errors.New("--output is missing")
	}
	if !strings.HasSuffix(o.output, format.Suffix()) {
		return rootfs.Spec{}, fmt.Errorf("--output=%s: with --compression=%s its name must end in %s", o.output, format, format.Suffix())
	}
	mode, err := strconv.ParseUint(o.mode, 8, 32)
	if err != nil || mode&^0o777 != 0 {
		return rootfs.Spec{}, fmt.Errorf("--mode=%s is not an octal mode from 0 to 0777", o.mode)
	}
	var spec rootfs.Spec
	if spec.UID, spec.GID, err = parseOwner(o.owner); err != nil {
		return rootfs.Spec{}, err
	}
	for _, list := range []struct {
		values []string
		mode   fs.FileMode
	}{{o.executables, fs.FileMode(mode)}, {o.files, fileMode}} {
		for _, value := range list.values {
			path, source, ok := strings.Cut(value, "=")
			if !ok || path == "" || source == "" {
				return rootfs.Spec{}, fmt.Errorf("%q is not of the form /path=source", value)
			}
			spec.Files = append(spec.Files, rootfs.File{Path: path, Mode: list.mode, Open: func() (io.ReadCloser, error) { return os.Open(source) }})
		}
	}
	if o.certificates {
		spec.Files = append(spec.Files, rootfs.File{Path: certificates.Path, Mode: fileMode, Open: certificates.Open})
	}
	if len(spec.Files) == 0 {
		return rootfs.Spec{}, errors.New("the layer is empty: give --executable, --file or --ca-certificates")
	}
	return spec, spec.Check()
}

// write leaves no half-written layer behind: a file that looks finished is.
func write(path string, format compression.Format, spec rootfs.Spec) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("creating the layer: %w", err)
	}
	defer func() {
		if closeErr := file.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("closing the layer: %w", closeErr)
		}
		if err != nil {
			os.Remove(path)
		}
	}()
	compressed, err := compression.NewWriter(file, format)
	if err != nil {
		return err
	}
	if err := rootfs.Write(compressed, spec); err != nil {
		return err
	}
	if err := compressed.Close(); err != nil {
		return fmt.Errorf("compressing the layer: %w", err)
	}
	return nil
}

func parseOwner(value string) (uid, gid int, err error) {
	user, group, _ := strings.Cut(value, ":")
	uid, err = strconv.Atoi(user)
	if err == nil {
		gid, err = strconv.Atoi(group)
	}
	if err != nil || uid < 0 || gid < 0 {
		return 0, 0, fmt.Errorf("--owner=%s is not of the form user:group in numbers, like 0:0", value)
	}
	return uid, gid, nil
}

func appendTo(values *[]string) func(string) error {
	return func(value string) error {
		*values = append(*values, value)
		return nil
	}
}
