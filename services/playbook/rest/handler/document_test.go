package handler_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"
	"github.com/soketsugo/soketsugo/services/playbook/rest/openapi"
)

// What is served is in the document, and what is in the document is served.
func TestRoutesAreDocumented(t *testing.T) {
	routes, ok := newHandler(t).(keyed).Handler.(*mux.Router)
	if !ok {
		t.Fatal("the handler is no router")
	}
	variable := regexp.MustCompile(`\{([^:{}]+):[^{}]*\}`)
	var served []string
	if err := routes.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		if route.GetHandler() == nil {
			return nil // a group of routes
		}
		path, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		if err != nil {
			t.Errorf("%s takes every method", path)
		}
		if slices.Contains(methods, http.MethodGet) != slices.Contains(methods, http.MethodHead) {
			t.Errorf("%s takes %v: who takes GET takes HEAD", path, methods)
		}
		for _, method := range methods {
			// The document says once for all that HEAD answers what GET would.
			if method != http.MethodHead {
				served = append(served, method+" "+variable.ReplaceAllString(path, "{$1}"))
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var document struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal(openapi.Document, &document); err != nil {
		t.Fatal(err)
	}
	var documented []string
	for path, item := range document.Paths {
		for member := range item {
			if member != "parameters" {
				documented = append(documented, strings.ToUpper(member)+" "+path)
			}
		}
	}
	slices.Sort(served)
	slices.Sort(documented)
	if diff := cmp.Diff(served, documented); diff != "" {
		t.Errorf("the document (-served +documented):\n%s", diff)
	}
}
