// Package command is the command line of the sbom program.
package command

import (
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/imagetest/unpack"
	"github.com/soketsugo/soketsugo/tools/process/sbom/spdx"
)

// Exit codes of the program.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// limits are far above any image of ours, and far below what fills a disk.
var limits = unpack.Limits{Bytes: 1 << 30, Entries: 100_000}

// Run writes the bill of materials of the image that the arguments name and
// returns the exit code.
func Run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	flags.SetOutput(stderr)
	layout := flags.String("layout", "", "the `folder` that the image target builds")
	name := flags.String("name", "", "last `part` of the image's repository, as playbook-grpc")
	output := flags.String("output", "", "the `file` to write, by default the standard output")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitDone
		}
		return exitUsage
	}
	if *layout == "" || *name == "" || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "sbom: give --layout and --name, and nothing but flags: see --help")
		return exitUsage
	}
	if err := write(*layout, *name, *output, stdout); err != nil {
		fmt.Fprintf(stderr, "sbom: %v\n", err)
		return exitFailed
	}
	return exitDone
}

func write(layout, name, output string, stdout io.Writer) error {
	directory, err := imagedir.Open(layout)
	if err != nil {
		return err
	}
	images, err := directory.Images()
	if err != nil {
		return err
	}
	// The images of an index are built from the same modules; the document is about
	// the index then.
	document, err := describe(directory, images[0], name)
	if err != nil {
		return err
	}
	content, err := document.JSON()
	if err != nil {
		return err
	}
	if output == "" {
		_, err = stdout.Write(content)
	} else {
		err = os.WriteFile(output, content, 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the bill of materials: %w", err)
	}
	return nil
}

// describe reads which modules the program of an image is built from.
func describe(directory *imagedir.Directory, image imagedir.Image, name string) (spdx.Document, error) {
	folder, err := os.MkdirTemp("", "sbom")
	if err != nil {
		return spdx.Document{}, fmt.Errorf("making a folder to unpack into: %w", err)
	}
	defer os.RemoveAll(folder)
	tree, err := unpack.Image(folder, directory, image, limits)
	if err != nil {
		return spdx.Document{}, err
	}
	config := image.Config.Config
	if len(config.Entrypoint) == 0 {
		return spdx.Document{}, errors.New("the image has no entrypoint")
	}
	program := config.Entrypoint[0]
	if entry, ok := tree[program]; !ok || !entry.Mode.IsRegular() {
		return spdx.Document{}, fmt.Errorf("the entrypoint %s is no file of the image", program)
	}
	info, err := buildinfo.ReadFile(filepath.Join(folder, filepath.FromSlash(program)))
	if err != nil {
		return spdx.Document{}, fmt.Errorf("reading what %s is built from: %w", program, err)
	}
	return spdx.Of(spdx.Image{
		Name:    name,
		Version: config.Labels["org.opencontainers.image.version"],
		Digest:  directory.Root().Digest.Hex,
		Source:  config.Labels["org.opencontainers.image.source"],
	}, info), nil
}
