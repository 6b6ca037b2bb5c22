package why

import (
	"fmt"
	"io"

	"github.com/soketsugo/soketsugo/tools/soketsugo/affected"
)

// An Explanation tells why one part of a deployment differs.
type Explanation struct {
	// What is "image", or "manifest of" an environment.
	What string
	affected.Difference
	// Chains are those to its causes; of a manifest, those that are not also the
	// image's, whose digest it names.
	Chains []Chain
}

// Print writes explanations of a process for people.
func Print(out io.Writer, process string, explanations []Explanation) {
	if len(explanations) == 0 {
		fmt.Fprintf(out, "%s deploys the same\n", process)
	}
	for i, e := range explanations {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s of %s: %s\n", e.What, process, e.Difference)
		switch {
		case e.Before == "":
			fmt.Fprintln(out, "  it is new")
		case len(e.Chains) == 0:
			fmt.Fprintln(out, "  it names the image")
		}
		for _, chain := range e.Chains {
			chain.print(out)
		}
	}
}

func (c Chain) print(out io.Writer) {
	for depth, label := range c.Labels {
		switch {
		case depth > 0:
			fmt.Fprintf(out, "    -> %s\n", label)
		case c.File:
			fmt.Fprintf(out, "  %s\n", label)
		default:
			fmt.Fprintf(out, "  the rule of %s (its BUILD file, a .bzl file, go.mod or a flag)\n", label)
		}
	}
}
