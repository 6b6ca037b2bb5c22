package check_test

import (
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/soketsugo/soketsugo/tools/process/imagetest/check"
)

// The program sees nothing of the environment that the test runs in: in its container it will not either.
func TestVersionEnvironment(t *testing.T) {
	t.Setenv("SOKETSUGO_IMAGETEST", "inherited")
	folder := t.TempDir()
	script := "#!/bin/sh\necho \"it 1.0.0 <$SOKETSUGO_IMAGETEST>\"\n"
	if err := os.WriteFile(filepath.Join(folder, "it"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	config := &v1.ConfigFile{Config: v1.Config{Entrypoint: []string{"/it"}}}
	line, err := check.Version(t.Context(), config, folder, "1.0.0")
	if err != nil || line != "it 1.0.0 <>" {
		t.Errorf("got %q, %v", line, err)
	}
}
