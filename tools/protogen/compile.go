package main

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/soketsugo/soketsugo/tools/protogen/source"
)

// compile turns every .proto file under root into one request to a plugin.
func compile(ctx context.Context, root string) (*pluginpb.CodeGeneratorRequest, error) {
	tree, err := source.Compile(ctx, root, ".")
	if err != nil {
		return nil, err
	}
	request := &pluginpb.CodeGeneratorRequest{
		// paths=source_relative puts the code beside its .proto file.
		Parameter: proto.String("paths=source_relative"),
		ProtoFile: source.Descriptors(tree.Files),
	}
	for _, file := range tree.Files {
		request.FileToGenerate = append(request.FileToGenerate, file.Path())
	}
	return request, nil
}
