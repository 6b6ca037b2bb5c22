package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/image"
)

func runImage(_ context.Context, args []string, stdout, _ io.Writer) error {
	var (
		spec          image.Spec
		layers, names list
		attributes    = &spec.Attributes
	)
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	output := flags.String("output", "", "the `folder` to write")
	flags.StringVar(&spec.OS, "os", "", "operating system, like linux")
	flags.StringVar(&spec.Architecture, "architecture", "", "processor, like amd64")
	flags.StringVar(&spec.Variant, "variant", "", "variant of the processor, like v8")
	flags.StringVar(&spec.User, "user", "", "`user[:group]` that the process runs as")
	flags.StringVar(&spec.WorkDir, "workdir", "", "`folder` that the process starts in")
	flags.Var(&layers, "layer", "a layer: a tar `file`; repeat in the order of the layers")
	flags.Var(&names, "layer-label", "the `label` of the target that made the layer; once for each layer")
	for name, attribute := range map[string]**string{
		"created":       &attributes.Created,
		"entrypoint":    &attributes.Entrypoint,
		"cmd":           &attributes.Cmd,
		"exposed-ports": &attributes.ExposedPorts,
		"volumes":       &attributes.Volumes,
		"env":           &attributes.Env,
		"labels":        &attributes.Labels,
		"annotations":   &attributes.Annotations,
	} {
		flags.Func(name, "a `file` with the attribute of the oci_image rule", func(path string) error {
			content, err := os.ReadFile(path)
			text := string(content)
			*attribute = &text
			return err
		})
	}
	if err := parse(flags, args, stdout, "output", "os", "architecture"); err != nil {
		return err
	}
	if len(layers) != len(names) {
		return misuse{fmt.Errorf("--layer is there %d times and --layer-label %d times, want them in pairs", len(layers), len(names))}
	}
	for i, layer := range layers {
		spec.Layers = append(spec.Layers, image.Layer{Path: layer, Label: names[i]})
	}
	_, err := image.Write(*output, spec)
	return err
}
