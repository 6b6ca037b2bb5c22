package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file that is up to date, one that differs, one that is missing and one
// whose source is gone are told apart.
func TestCompare(t *testing.T) {
	const same, other = "package a\n", "package b\n"
	for _, test := range []struct {
		name      string
		present   map[string]string
		generated map[string]string
		want      []string
	}{
		{"up to date", map[string]string{"a.pb.go": same, "b.go": same}, map[string]string{"a.pb.go": same}, nil},
		{"different", map[string]string{"a.pb.go": same}, map[string]string{"a.pb.go": other}, []string{"a.pb.go", "-package a", "+package b", "line 1"}},
		{"missing", nil, map[string]string{"x/a.pb.go": same}, []string{"x/a.pb.go is missing"}},
		{"left over", map[string]string{"old_grpc.pb.go": same}, nil, []string{"old_grpc.pb.go has no .proto file"}},
	} {
		folder := t.TempDir()
		for name, text := range test.present {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := compare(folder, test.generated)
		if err != nil {
			t.Fatal(err)
		}
		if test.want == nil && got != "" {
			t.Errorf("%s: got %q, want nothing", test.name, got)
		}
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want %q in it", test.name, got, want)
			}
		}
	}
}

// What was written is up to date.
func TestWrite(t *testing.T) {
	folder := t.TempDir()
	generated := map[string]string{"x/y/a.pb.go": "package y\n"}
	for range 2 {
		if err := write(folder, generated); err != nil {
			t.Fatal(err)
		}
		if got, err := compare(folder, generated); err != nil || got != "" {
			t.Errorf("after writing: %q, %v", got, err)
		}
	}
}

// A request holds the files, what they import, and their comments.
func TestCompile(t *testing.T) {
	folder := t.TempDir()
	source := "syntax = \"proto3\";\npackage a;\nimport \"google/protobuf/duration.proto\";\n" +
		"option go_package = \"example.com/a\";\n// M is a message.\nmessage M { google.protobuf.Duration d = 1; }\n"
	if err := os.WriteFile(filepath.Join(folder, "a.proto"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	request, err := compile(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(request.GetFileToGenerate()) != 1 || len(request.GetProtoFile()) != 2 || request.GetProtoFile()[1].GetName() != "a.proto" {
		t.Errorf("got %v", request)
	}
	if len(request.GetProtoFile()[1].GetSourceCodeInfo().GetLocation()) == 0 {
		t.Error("the comments are lost")
	}
	if _, err := compile(t.Context(), t.TempDir()); err == nil {
		t.Error("a folder without .proto files: got no error")
	}
}
