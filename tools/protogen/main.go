// Command protogen writes the Go code that is checked in beside the .proto
// files, or checks that it is up to date. It needs no protoc: the files are
// compiled in-process, and the two standard plugins do the rest.
//
// From the top of the repository:
//
//	go run ./tools/protogen --root libs --out libs
//	go run ./tools/protogen --root libs --out libs --check
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// fixCommand is what a failed check tells its reader to run.
const fixCommand = "go run ./tools/protogen --root libs --out libs"

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintf(os.Stderr, "protogen: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("protogen", flag.ContinueOnError)
	root := flags.String("root", "", "the folder that proto imports are relative to; every .proto file under it is compiled")
	out := flags.String("out", "", "the folder that generated files are written under, or compared with")
	pluginGo := flags.String("plugin-go", "", "path of protoc-gen-go; empty runs it with `go tool`")
	pluginGoGRPC := flags.String("plugin-go-grpc", "", "path of protoc-gen-go-grpc; empty runs it with `go tool`")
	check := flags.Bool("check", false, "write nothing; fail with the differences when a file is not up to date")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *root == "" || *out == "" || flags.NArg() > 0 {
		return fmt.Errorf("--root and --out are needed, and no other arguments: %q", args)
	}
	request, err := compile(ctx, *root)
	if err != nil {
		return err
	}
	generated := map[string]string{}
	for _, plugin := range []struct{ name, path string }{
		{"protoc-gen-go", *pluginGo},
		{"protoc-gen-go-grpc", *pluginGoGRPC},
	} {
		command := []string{"go", "tool", plugin.name}
		if plugin.path != "" {
			command = []string{resolve(plugin.path)}
		}
		if err := runPlugin(ctx, command, request, generated); err != nil {
			return fmt.Errorf("running %s: %w", strings.Join(command, " "), err)
		}
	}
	if !*check {
		return write(*out, generated)
	}
	differences, err := compare(*out, generated)
	if err != nil {
		return err
	}
	if differences != "" {
		return fmt.Errorf("generated files are not up to date; run\n\n    %s\n\n%s", fixCommand, differences)
	}
	return nil
}

// resolve accepts a plain path as well as a path in Bazel's runfiles.
func resolve(path string) string {
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if located, err := runfiles.Rlocation(path); err == nil {
		return located
	}
	return path
}
