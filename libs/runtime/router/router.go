// Package router makes the gorilla/mux router of an HTTP API: every answer of
// its own is a problem document, and each request learns its route.
package router

import (
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/gorilla/mux"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/reason"
	"github.com/soketsugo/soketsugo/libs/runtime/requests"
)

// methods are those that a route can take. Others never become part of a
// route's name.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// New returns a router without routes.
func New() *mux.Router {
	// By default mux would answer an unclean path with a redirect, which is no
	// problem document and turns a POST into a GET.
	router := mux.NewRouter().SkipClean(true)
	names := &names{known: map[key]string{}}
	// mux calls this for every request, so what is to be kept is made above.
	router.Use(func(next http.Handler) http.Handler { return &named{next: next, names: names} })
	router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem.Status(w, http.StatusNotFound, reason.NoSuchOperation, "there is nothing at this path")
	})
	router.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed := strings.Join(methodsAt(router, r), ", ")
		w.Header().Set("Allow", allowed)
		problem.Status(w, http.StatusMethodNotAllowed, reason.NoSuchOperation, "this path takes "+allowed)
	})
	return router
}

// methodsAt returns what can be done at a request's path.
func methodsAt(router *mux.Router, r *http.Request) []string {
	var found []string
	for _, method := range methods {
		probe := r.Clone(r.Context())
		probe.Method = method
		var match mux.RouteMatch
		if router.Match(probe, &match) && match.MatchErr == nil {
			found = append(found, method)
		}
	}
	return found
}

// named tells a request which route it has: the method and the path's template,
// never the path, of which there is no end.
type named struct {
	next  http.Handler
	names *names
}

func (n *named) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if request := requests.From(r.Context()); request != nil {
		if template, err := mux.CurrentRoute(r).GetPathTemplate(); err == nil {
			request.SetRoute(n.names.of(key{r.Method, template}))
		}
	}
	n.next.ServeHTTP(w, r)
}

// pattern is what a template says about a variable beyond its name. Patterns
// with braces of their own stay as they are.
var pattern = regexp.MustCompile(`\{([^:{}]+):[^{}]*\}`)

type key struct{ method, template string }

// names remembers the names of routes, so that they are made once.
type names struct {
	mu    sync.RWMutex
	known map[key]string
}

func (n *names) of(k key) string {
	n.mu.RLock()
	name, ok := n.known[k]
	n.mu.RUnlock()
	if ok {
		return name
	}
	method := "OTHER"
	for _, known := range methods {
		if k.method == known {
			method = known
		}
	}
	name = method + " " + pattern.ReplaceAllString(k.template, "{$1}")
	if method != k.method {
		return name
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[k] = name
	return name
}
