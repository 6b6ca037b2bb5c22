// Package provenance writes how an image was built as an in-toto statement with a
// SLSA provenance predicate.
package provenance

import (
	"time"

	"github.com/soketsugo/soketsugo/tools/process/push/checkout"
)

// The types that the statement names.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://slsa.dev/provenance/v1"
	// BuildType is explained where it points to.
	BuildType = "https://github.com/soketsugo/soketsugo/blob/main/docs/images.md#what-an-image-is-built-from"
)

// The parts of the formats that are used: https://slsa.dev/spec/v1.0/provenance
type (
	// Statement says something about an image.
	Statement struct {
		Type          string     `json:"_type"`
		Subject       []Resource `json:"subject"`
		PredicateType string     `json:"predicateType"`
		Predicate     Predicate  `json:"predicate"`
	}
	// Resource is something with digests.
	Resource struct {
		Name   string            `json:"name,omitempty"`
		URI    string            `json:"uri,omitempty"`
		Digest map[string]string `json:"digest,omitempty"`
	}
	// Predicate is what is said.
	Predicate struct {
		BuildDefinition BuildDefinition `json:"buildDefinition"`
		RunDetails      RunDetails      `json:"runDetails"`
	}
	// BuildDefinition is what was asked of the build, and what it took.
	BuildDefinition struct {
		BuildType            string            `json:"buildType"`
		ExternalParameters   map[string]string `json:"externalParameters"`
		ResolvedDependencies []Resource        `json:"resolvedDependencies"`
	}
	// RunDetails is who built.
	RunDetails struct {
		Builder  Builder  `json:"builder"`
		Metadata Metadata `json:"metadata"`
	}
	// Builder is whom one has to trust.
	Builder struct {
		ID string `json:"id"`
	}
	// Metadata is about one run.
	Metadata struct {
		InvocationID string `json:"invocationId,omitempty"`
		FinishedOn   string `json:"finishedOn"`
	}
)

// A Build is one that was done.
type Build struct {
	// Image is the image's repository, Digest its manifest's, as 64 digits.
	Image, Digest string
	// Target is the label that was built.
	Target string
	Commit checkout.Commit
	// Builder and Invocation name the machine and the run.
	Builder, Invocation string
	Finished            time.Time
}

// Of returns the statement about a build.
func Of(b Build) Statement {
	source := Resource{URI: b.Commit.Source, Digest: map[string]string{"gitCommit": b.Commit.Hash}}
	if source.URI != "" {
		source.URI = "git+" + source.URI
	}
	return Statement{
		Type:          StatementType,
		Subject:       []Resource{{Name: b.Image, Digest: map[string]string{"sha256": b.Digest}}},
		PredicateType: PredicateType,
		Predicate: Predicate{
			BuildDefinition: BuildDefinition{
				BuildType:            BuildType,
				ExternalParameters:   map[string]string{"target": b.Target},
				ResolvedDependencies: []Resource{source},
			},
			RunDetails: RunDetails{
				Builder:  Builder{ID: b.Builder},
				Metadata: Metadata{InvocationID: b.Invocation, FinishedOn: b.Finished.UTC().Format(time.RFC3339)},
			},
		},
	}
}
