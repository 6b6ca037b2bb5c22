package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/soketsugo/soketsugo/tools/process/imagedir"
)

func runDigest(_ context.Context, args []string, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("digest", flag.ContinueOnError)
	path := flags.String("image", "", "the `folder` of an image or an index")
	output := flags.String("output", "", "the `file` to write")
	if err := parse(flags, args, stdout, "image", "output"); err != nil {
		return err
	}
	directory, err := imagedir.Open(*path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(*output, []byte(directory.Root().Digest.String()+"\n"), 0o644); err != nil {
		return fmt.Errorf("writing the digest: %w", err)
	}
	return nil
}
