package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"
)

// runPlugin hands the request to a protoc plugin and collects what it
// generates, by file name.
func runPlugin(ctx context.Context, command []string, request *pluginpb.CodeGeneratorRequest, generated map[string]string) error {
	input, err := proto.Marshal(request)
	if err != nil {
		return fmt.Errorf("encoding the request: %w", err)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var output bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &output, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	response := &pluginpb.CodeGeneratorResponse{}
	if err := proto.Unmarshal(output.Bytes(), response); err != nil {
		return fmt.Errorf("decoding the response: %w", err)
	}
	if response.Error != nil {
		return errors.New(response.GetError())
	}
	for _, file := range response.GetFile() {
		if _, ok := generated[file.GetName()]; ok {
			return fmt.Errorf("%s was generated twice", file.GetName())
		}
		generated[file.GetName()] = file.GetContent()
	}
	return nil
}
