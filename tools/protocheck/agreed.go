package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/soketsugo/soketsugo/tools/protogen/source"
)

// agreedPath is where the agreed state of an API is checked in: a descriptor set,
// which other tools read too, in JSON, so that its changes can be reviewed.
func agreedPath(root, api string) string { return path.Join(root, api, "agreed.json") }

// readAgreed returns the files of the agreed state, without what they import.
func readAgreed(root, api string) ([]protoreflect.FileDescriptor, error) {
	name := agreedPath(root, api)
	content, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		return nil, fmt.Errorf("reading the agreed API: %w", err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := protojson.Unmarshal(content, set); err != nil {
		return nil, fmt.Errorf("decoding %s: %w", name, err)
	}
	registry, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, fmt.Errorf("putting %s together: %w", name, err)
	}
	var files []protoreflect.FileDescriptor
	for _, file := range set.GetFile() {
		if strings.HasPrefix(file.GetName(), path.Clean(api)+"/") {
			descriptor, err := registry.FindFileByPath(file.GetName())
			if err != nil {
				return nil, fmt.Errorf("looking for %s in %s: %w", file.GetName(), name, err)
			}
			files = append(files, descriptor)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s says nothing about %s", name, api)
	}
	return files, nil
}

// writeAgreed makes files the agreed state. Comments and positions are left out:
// only what a change can break matters.
func writeAgreed(root, api string, files []protoreflect.FileDescriptor) error {
	set := &descriptorpb.FileDescriptorSet{File: source.Descriptors(files)}
	for _, file := range set.GetFile() {
		file.SourceCodeInfo = nil
	}
	encoded, err := protojson.Marshal(set)
	if err != nil {
		return fmt.Errorf("encoding the API: %w", err)
	}
	// What protojson writes has white space that differs by the program; this takes
	// it out.
	var text bytes.Buffer
	if err := json.Indent(&text, encoded, "", "  "); err != nil {
		return fmt.Errorf("indenting the API: %w", err)
	}
	text.WriteByte('\n')
	if err := os.WriteFile(filepath.FromSlash(agreedPath(root, api)), text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the agreed API: %w", err)
	}
	return nil
}
