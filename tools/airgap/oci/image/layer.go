package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/soketsugo/soketsugo/tools/process/compression"
)

// layerBase is the media type of a layer that is not compressed.
const layerBase = types.OCIUncompressedLayer

// measurement is what the documents of an image say about a layer.
type measurement struct {
	size      int64
	digest    v1.Hash
	diffID    v1.Hash
	mediaType types.MediaType
}

// measure reads a layer once and works out both its digest and that of its uncompressed content.
func measure(path string) (measurement, error) {
	file, err := os.Open(path)
	if err != nil {
		return measurement{}, fmt.Errorf("measuring the layer: %w", err)
	}
	defer file.Close()

	compressed, content := sha256.New(), sha256.New()
	counted := &counter{}
	whole := io.TeeReader(file, io.MultiWriter(compressed, counted))
	reader, format, err := compression.NewReader(whole)
	if err != nil {
		return measurement{}, fmt.Errorf("measuring layer %q: %w", path, err)
	}
	defer reader.Close()
	if _, err := io.Copy(content, reader); err != nil {
		return measurement{}, fmt.Errorf("measuring layer %q: decompressing: %w", path, err)
	}
	// What follows the compressed stream belongs to the file as well.
	if _, err := io.Copy(io.Discard, whole); err != nil {
		return measurement{}, fmt.Errorf("measuring layer %q: %w", path, err)
	}

	mediaType := layerBase
	if format != compression.None {
		mediaType += types.MediaType("+" + string(format))
	}
	return measurement{
		size:      counted.bytes,
		digest:    v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(compressed.Sum(nil))},
		diffID:    v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(content.Sum(nil))},
		mediaType: mediaType,
	}, nil
}

type counter struct{ bytes int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}
