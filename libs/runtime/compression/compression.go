// Package compression gzips the answers of an HTTP server where that pays: what
// is text, is not small, and goes to a client that asks for it.
//
// The length of a compressed answer says something about what is in it. A page
// that makes a browser send requests in somebody's name could guess secrets by
// that. So it is for APIs whose callers name themselves in a header of each
// request, which such a page cannot set, and not for those with cookies.
package compression

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const (
	// smallest is the size from which an answer is compressed, in bytes. A smaller
	// one takes one packet anyway.
	smallest = 1 << 10
	// suffix ends the entity tag of a compressed answer, inside its quotes. Other
	// bytes need another strong tag, and a weak one could not be used in If-Match.
	suffix = "-gzip"
)

// Handler returns a handler that compresses what next answers. The entity tags in
// requests reach next as it has made them.
func Handler(next http.Handler) http.Handler {
	return &handler{next: next, vary: []string{"Accept-Encoding"}}
}

type handler struct {
	next http.Handler
	// vary is the value of a header of every answer, made once.
	vary []string
	// writers are *writer, gzips are *gzip.Writer.
	writers, gzips sync.Pool
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Vary"] = h.vary
	seen := r.Header.Get("If-None-Match")
	r = withoutSuffix(r)
	if r.Method == http.MethodHead || !accepted(r.Header["Accept-Encoding"]) {
		h.next.ServeHTTP(w, r)
		return
	}
	answer, _ := h.writers.Get().(*writer)
	if answer == nil {
		answer = &writer{handler: h}
	}
	answer.ResponseWriter, answer.seen = w, seen
	h.next.ServeHTTP(answer, r)
	// Not deferred: after a panic the answer is not whole, and must not look so.
	answer.finish()
	*answer = writer{handler: h, held: answer.held[:0]}
	h.writers.Put(answer)
}

// withoutSuffix gives the entity tags of compressed answers back as they were.
func withoutSuffix(r *http.Request) *http.Request {
	copied := false
	for _, name := range [...]string{"If-Match", "If-None-Match"} {
		tags := r.Header.Get(name)
		if !strings.Contains(tags, suffix+`"`) {
			continue
		}
		if !copied {
			r, copied = r.Clone(r.Context()), true
		}
		r.Header.Set(name, strings.ReplaceAll(tags, suffix+`"`, `"`))
	}
	return r
}

// accepted says whether a client takes gzip, by its Accept-Encoding.
func accepted(values []string) bool {
	for _, value := range values {
		for offer := range strings.SplitSeq(value, ",") {
			name, weight, weighted := strings.Cut(offer, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			return !weighted || positive(weight)
		}
	}
	return false
}

// positive says whether a weight, such as "q=0.5", is more than none.
func positive(weight string) bool {
	name, value, _ := strings.Cut(weight, "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && q > 0
}

// worthwhile says whether an answer with these headers may be compressed, and
// would become smaller.
func worthwhile(header http.Header) bool {
	if header.Get("Content-Encoding") != "" || header.Get("Content-Range") != "" ||
		strings.Contains(header.Get("Cache-Control"), "no-transform") {
		return false
	}
	if length := header.Get("Content-Length"); length != "" {
		if count, err := strconv.Atoi(length); err != nil || count < smallest {
			return false
		}
	}
	kind, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	return strings.HasPrefix(kind, "text/") || kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// bodiless says whether an answer has no body, whatever its handler writes.
func bodiless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}
