// Package spdx writes what is in an image as an SPDX 2.3 document.
package spdx

import (
	"encoding/json"
	"fmt"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
)

// The parts of the format that are used: https://spdx.github.io/spdx-spec/v2.3/
type (
	// Document is a whole one.
	Document struct {
		SPDXVersion       string         `json:"spdxVersion"`
		DataLicense       string         `json:"dataLicense"`
		SPDXID            string         `json:"SPDXID"`
		Name              string         `json:"name"`
		DocumentNamespace string         `json:"documentNamespace"`
		CreationInfo      CreationInfo   `json:"creationInfo"`
		Packages          []Package      `json:"packages"`
		Relationships     []Relationship `json:"relationships"`
	}
	// CreationInfo says when and by what the document was made.
	CreationInfo struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	// Package is the image, the program, a module or the Go release.
	Package struct {
		Name                  string        `json:"name"`
		SPDXID                string        `json:"SPDXID"`
		VersionInfo           string        `json:"versionInfo,omitempty"`
		DownloadLocation      string        `json:"downloadLocation"`
		FilesAnalyzed         bool          `json:"filesAnalyzed"`
		LicenseConcluded      string        `json:"licenseConcluded"`
		LicenseDeclared       string        `json:"licenseDeclared"`
		CopyrightText         string        `json:"copyrightText"`
		PrimaryPackagePurpose string        `json:"primaryPackagePurpose,omitempty"`
		Comment               string        `json:"comment,omitempty"`
		Checksums             []Checksum    `json:"checksums,omitempty"`
		ExternalRefs          []ExternalRef `json:"externalRefs,omitempty"`
	}
	// Checksum is that of a package.
	Checksum struct {
		Algorithm     string `json:"algorithm"`
		ChecksumValue string `json:"checksumValue"`
	}
	// ExternalRef is a name that others know a package by.
	ExternalRef struct {
		ReferenceCategory string `json:"referenceCategory"`
		ReferenceType     string `json:"referenceType"`
		ReferenceLocator  string `json:"referenceLocator"`
	}
	// Relationship is between two packages, or the document and one.
	Relationship struct {
		SPDXElementID      string `json:"spdxElementId"`
		RelatedSPDXElement string `json:"relatedSpdxElement"`
		RelationshipType   string `json:"relationshipType"`
	}
)

const (
	unknown    = "NOASSERTION"
	documentID = "SPDXRef-DOCUMENT"
	imageID    = "SPDXRef-Image"
	programID  = "SPDXRef-Program"
	goID       = "SPDXRef-Go"
)

// An Image is what a document is about.
type Image struct {
	// Name is the last part of the image's repository.
	Name string
	// Version is that of its label.
	Version string
	// Digest is that of its manifest, as 64 digits.
	Digest string
	// Source is where the code lives.
	Source string
}

// Of returns the document of an image with a program. It depends on these alone,
// so it is the same wherever and whenever it is made.
func Of(image Image, program *debug.BuildInfo) Document {
	d := Document{
		SPDXVersion:       "SPDX-2.3",
		DataLicense:       "CC0-1.0",
		SPDXID:            documentID,
		Name:              image.Name,
		DocumentNamespace: strings.TrimSuffix(image.Source, "/") + "/sbom/" + image.Name + "/" + image.Digest,
		// As the image: at the epoch.
		CreationInfo: CreationInfo{Created: "1970-01-01T00:00:00Z", Creators: []string{"Tool: soketsugo-sbom"}},
	}
	of := newPackage(imageID, image.Name, image.Version, "pkg:oci/"+image.Name+"@sha256%3A"+image.Digest)
	of.PrimaryPackagePurpose = "CONTAINER"
	of.Checksums = []Checksum{{Algorithm: "SHA256", ChecksumValue: image.Digest}}
	// Its own modules are all of one version, that of the service.
	main := newPackage(programID, program.Path, image.Version, golang(program.Path, image.Version))
	main.PrimaryPackagePurpose = "APPLICATION"
	version := strings.TrimPrefix(program.GoVersion, "go")
	release := newPackage(goID, "go", version, "pkg:golang/stdlib@"+version)
	d.Packages = []Package{of, main, release}
	d.Relationships = []Relationship{
		{documentID, imageID, "DESCRIBES"},
		{imageID, programID, "CONTAINS"},
		{programID, goID, "DEPENDS_ON"},
	}
	for _, module := range program.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		id := "SPDXRef-Module-" + identifier(module.Path+"-"+module.Version)
		found := newPackage(id, module.Path, module.Version, golang(module.Path, module.Version))
		found.PrimaryPackagePurpose = "LIBRARY"
		if module.Sum != "" {
			found.Comment = "go.sum: " + module.Sum
		}
		d.Packages = append(d.Packages, found)
		d.Relationships = append(d.Relationships, Relationship{programID, id, "DEPENDS_ON"})
	}
	slices.SortFunc(d.Packages[3:], func(a, b Package) int { return strings.Compare(a.SPDXID, b.SPDXID) })
	slices.SortFunc(d.Relationships[3:], func(a, b Relationship) int {
		return strings.Compare(a.RelatedSPDXElement, b.RelatedSPDXElement)
	})
	return d
}

// JSON returns the document as it is written.
func (d Document) JSON() ([]byte, error) {
	content, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the bill of materials: %w", err)
	}
	return append(content, '\n'), nil
}

// newPackage returns a package without a place to download it from: which one a
// build uses is a setting of its user. The package URL and the hash in go.sum say
// what it is.
func newPackage(id, name, version, purl string) Package {
	return Package{
		Name: name, SPDXID: id, VersionInfo: version,
		DownloadLocation: unknown, LicenseConcluded: unknown, LicenseDeclared: unknown, CopyrightText: unknown,
		ExternalRefs: []ExternalRef{{"PACKAGE-MANAGER", "purl", purl}},
	}
}

// golang returns the package URL of a module.
func golang(path, version string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return "pkg:golang/" + strings.Join(parts, "/") + "@" + url.PathEscape(version)
}

// identifier makes an identifier of a text: letters, digits, '.' and '-'.
func identifier(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-':
			return c
		}
		return '-'
	}, text)
}
