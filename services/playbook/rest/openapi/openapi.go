// Package openapi holds the description of the REST API, as a document for
// machines and as a page for people, and serves both.
package openapi

import (
	"crypto/sha256"
	_ "embed" // the files below
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/gorilla/mux"
)

// Document describes the API in the terms of OpenAPI 3.1. It is written by hand;
// tests hold what the service does against it.
//
//go:embed openapi.json
var Document []byte

// page says the same for people. A test makes it from the document.
//
//go:embed docs.html
var page []byte

// Add adds /openapi.json and /docs to a router.
func Add(routes *mux.Router) {
	// The page has nothing but text and this one style.
	policy := "default-src 'none'; style-src 'sha256-" + styleHash(string(page)) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	routes.Handle("/openapi.json", file("application/json", Document, "")).Methods(http.MethodGet, http.MethodHead)
	routes.Handle("/docs", file("text/html; charset=utf-8", page, policy)).Methods(http.MethodGet, http.MethodHead)
}

// styleHash returns the hash by which a policy allows the style of a page.
func styleHash(page string) string {
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// file answers with data, or with 304 to who has it.
func file(kind string, data []byte, policy string) http.Handler {
	sum := sha256.Sum256(data)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("ETag", tag)
		// It changes with a release: a cache may keep it, but has to ask.
		header.Set("Cache-Control", "no-cache")
		if strings.Contains(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		header.Set("Content-Type", kind)
		header.Set("X-Content-Type-Options", "nosniff")
		if policy != "" {
			header.Set("Content-Security-Policy", policy)
		}
		// A client that went away cannot be told so.
		_, _ = w.Write(data)
	})
}
