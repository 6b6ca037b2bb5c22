package certificates_test

import (
	"encoding/pem"
	"io"
	"testing"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/soketsugo/soketsugo/tools/process/layer/certificates"
)

// Exactly the authorities that are trusted without a condition are in the file.
func TestConditions(t *testing.T) {
	content, err := certificates.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	rest, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		found[string(block.Bytes)] = true
	}
	for root := range bundle.Roots() {
		if want := root.Constraint == nil; found[string(root.Certificate)] != want {
			t.Errorf("an authority is in the file: %t, want %t", !want, want)
		}
	}
}
