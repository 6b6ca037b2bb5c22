// Package manifest tells what a deploy must know of a rendered manifest.
package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// Digest returns the digest of a rendered manifest.
func Digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// IsJob tells whether a rendered manifest is that of a process that ends by
// itself.
func IsJob(content []byte) bool {
	const kind = "kind: Job\n"
	return bytes.HasPrefix(content, []byte(kind)) || bytes.Contains(content, []byte("\n"+kind))
}
