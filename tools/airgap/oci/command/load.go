package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/archive"
	"github.com/soketsugo/soketsugo/tools/airgap/oci/engine"
	"github.com/soketsugo/soketsugo/tools/process/imagedir"
)

func runLoad(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	path := flags.String("image", "", "the `folder` of an image or an index")
	tagFile := flags.String("repo-tags", "", "a `file` with one repository:tag a line")
	format := flags.String("format", "docker", "of the archive: docker for an image, oci for an index")
	output := flags.String("output", "", "write the archive to this `file` and load nothing")
	if err := parse(flags, args, stdout, "image", "repo-tags"); err != nil {
		return err
	}
	write, err := archive.Format(*format)
	if err != nil {
		return misuse{err}
	}
	content, err := os.ReadFile(*tagFile)
	if err != nil {
		return fmt.Errorf("reading the tags: %w", err)
	}
	tags := strings.Fields(string(content))
	directory, err := imagedir.Open(*path)
	if err != nil {
		return err
	}

	if *output == "" {
		return engine.Load(ctx, stdout, stderr, func(w io.Writer) error { return write(w, directory, tags) })
	}
	// Bazel starts programs in their runfiles folder; a path is meant from where the user stands.
	if from := os.Getenv("BUILD_WORKING_DIRECTORY"); from != "" && !filepath.IsAbs(*output) {
		*output = filepath.Join(from, *output)
	}
	return writeArchive(*output, func(w io.Writer) error { return write(w, directory, tags) })
}

// writeArchive leaves no half-written archive behind: a file that looks finished is.
func writeArchive(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	err = write(file)
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("writing the archive: %w", closeErr)
	}
	// A device or a link, such as /dev/stdout, is not ours to remove.
	if info, statErr := os.Lstat(path); err != nil && statErr == nil && info.Mode().IsRegular() {
		os.Remove(path)
	}
	return err
}
