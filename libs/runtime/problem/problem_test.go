package problem_test

import (
	"net/http/httptest"
	"testing"

	"github.com/soketsugo/soketsugo/libs/runtime/problem"
)

// A problem is JSON with its own media type, and says its status twice.
func TestWrite(t *testing.T) {
	recorder := httptest.NewRecorder()
	problem.Write(recorder, problem.Details{Status: 400, Detail: "d", Reason: "R", Metadata: map[string]string{"id": "1"}, Errors: []problem.FieldError{{Field: "f", Detail: "x"}}})
	want := `{"status":400,"title":"Bad Request","detail":"d","reason":"R","metadata":{"id":"1"},"errors":[{"field":"f","detail":"x"}]}` + "\n"
	if recorder.Code != 400 || recorder.Body.String() != want || recorder.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d, %s, %q; want %q", recorder.Code, recorder.Header().Get("Content-Type"), recorder.Body, want)
	}
}
