package manifest_test

import (
	"testing"

	"github.com/soketsugo/soketsugo/tools/deploy/manifest"
)

// A manifest is a Job's if one of its objects is one.
func TestIsJob(t *testing.T) {
	for content, want := range map[string]bool{
		"kind: Job\n":                              true,
		"apiVersion: v1\nkind: Job\n":              true,
		"kind: ConfigMap\n---\nkind: Job\n":        true,
		"kind: CronJob\n":                          false,
		"kind: Deployment\ndata: |\n  kind: Job\n": false,
		"kind: Jobs\n":                             false,
		"":                                         false,
	} {
		if got := manifest.IsJob([]byte(content)); got != want {
			t.Errorf("%q: got %t", content, got)
		}
	}
}

// A digest is written as image digests are.
func TestDigest(t *testing.T) {
	if got := manifest.Digest(nil); got != "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("of nothing: %s", got)
	}
}
