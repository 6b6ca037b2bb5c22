package command

import (
	"context"
	"flag"
	"io"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/index"
)

func runIndex(_ context.Context, args []string, stdout, _ io.Writer) error {
	var images list
	flags := flag.NewFlagSet("index", flag.ContinueOnError)
	output := flags.String("output", "", "the `folder` to write")
	flags.Var(&images, "image", "the `folder` of an image; repeat in the order of the index")
	if err := parse(flags, args, stdout, "output", "image"); err != nil {
		return err
	}
	_, err := index.Write(*output, images)
	return err
}
