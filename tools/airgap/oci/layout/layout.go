// Package layout writes the folder that holds an image: an OCI image layout.
package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/jqjson"
)

// Writer adds to one layout.
type Writer struct{ path string }

// Create starts a layout in the folder, which may exist. The marker is the text of its oci-layout file.
func Create(path, marker string) (*Writer, error) {
	if err := os.MkdirAll(filepath.Join(path, "blobs", "sha256"), 0o755); err != nil {
		return nil, fmt.Errorf("creating the layout: %w", err)
	}
	if err := os.WriteFile(filepath.Join(path, "oci-layout"), []byte(marker), 0o644); err != nil {
		return nil, fmt.Errorf("creating the layout: %w", err)
	}
	return &Writer{path: path}, nil
}

// Put adds a blob and returns its digest.
func (w *Writer) Put(content []byte) (v1.Hash, error) {
	sum := sha256.Sum256(content)
	digest := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
	if err := os.WriteFile(w.blob(digest), content, 0o644); err != nil {
		return v1.Hash{}, fmt.Errorf("writing blob %s: %w", digest, err)
	}
	return digest, nil
}

// Copy adds a blob whose digest the caller knows.
func (w *Writer) Copy(digest v1.Hash, from io.Reader) (err error) {
	to, err := os.Create(w.blob(digest))
	if err != nil {
		return fmt.Errorf("copying blob %s: %w", digest, err)
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return fmt.Errorf("copying blob %s: %w", digest, err)
	}
	if err := to.Close(); err != nil {
		return fmt.Errorf("copying blob %s: %w", digest, err)
	}
	return nil
}

// Finish writes the layout's index.json.
func (w *Writer) Finish(index any) error {
	raw, err := jqjson.Print(index)
	if err != nil {
		return fmt.Errorf("printing index.json: %w", err)
	}
	if err := os.WriteFile(filepath.Join(w.path, "index.json"), append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing index.json: %w", err)
	}
	return nil
}

func (w *Writer) blob(digest v1.Hash) string {
	return filepath.Join(w.path, "blobs", digest.Algorithm, digest.Hex)
}
