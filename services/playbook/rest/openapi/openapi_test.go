package openapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/runtime/router"
	"github.com/soketsugo/soketsugo/services/playbook/rest/openapi"
)

func get(method, path, ifNoneMatch string) *httptest.ResponseRecorder {
	routes := router.New()
	openapi.Add(routes)
	request := httptest.NewRequest(method, path, nil)
	if ifNoneMatch != "" {
		request.Header.Set("If-None-Match", ifNoneMatch)
	}
	answer := httptest.NewRecorder()
	routes.ServeHTTP(answer, request)
	return answer
}

// Both files are served with a tag, and not again to who has them.
func TestFiles(t *testing.T) {
	for path, kind := range map[string]string{"/openapi.json": "application/json", "/docs": "text/html; charset=utf-8"} {
		first := get(http.MethodGet, path, "")
		tag := first.Header().Get("ETag")
		if first.Code != http.StatusOK || first.Header().Get("Content-Type") != kind || tag == "" || first.Body.Len() < 1000 {
			t.Errorf("%s: got %d, %v and %d bytes", path, first.Code, first.Header(), first.Body.Len())
		}
		if second := get(http.MethodGet, path, tag); second.Code != http.StatusNotModified || second.Header().Get("ETag") != tag || second.Body.Len() != 0 {
			t.Errorf("%s again: got %d with ETag %s and %d bytes", path, second.Code, second.Header().Get("ETag"), second.Body.Len())
		}
		if other := get(http.MethodGet, path, `"0"`); other.Code != http.StatusOK {
			t.Errorf("%s with the tag of another version: got %d", path, other.Code)
		}
		if posted := get(http.MethodPost, path, ""); posted.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: got %d", path, posted.Code)
		}
	}
}

// The page loads nothing and runs nothing, and its policy would not let it.
func TestPageStandsAlone(t *testing.T) {
	answer := get(http.MethodGet, "/docs", "")
	policy, page := answer.Header().Get("Content-Security-Policy"), answer.Body.String()
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("the policy is %q", policy)
	}
	for _, refused := range []string{"<script", "<link", "<img", "<iframe", "@import", "url(", " style=", " onclick", "http://", "https://"} {
		if strings.Contains(strings.ToLower(page), refused) {
			t.Errorf("the page has %q", refused)
		}
	}
}
