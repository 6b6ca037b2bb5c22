package jsonrequest_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/runtime/jsonrequest"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
	"github.com/soketsugo/soketsugo/libs/runtime/strictjson"
)

// A body is taken, or answered with the status that says what is wrong with it.
func TestRead(t *testing.T) {
	for _, test := range []struct {
		name, kind, body string
		want             int
	}{
		{"good", "application/json", `{"name":"n"}`, 0},
		{"with a character set", "application/json; charset=utf-8", `{"name":"n"}`, 0},
		{"another type", "text/plain", `{"name":"n"}`, http.StatusUnsupportedMediaType},
		{"no type", "", `{"name":"n"}`, http.StatusUnsupportedMediaType},
		{"no JSON", "application/json", `{`, http.StatusBadRequest},
		{"an unknown field", "application/json", `{"nme":"n"}`, http.StatusBadRequest},
		{"too large", "application/json", `{"name":"` + strings.Repeat("n", 100) + `"}`, http.StatusRequestEntityTooLarge},
	} {
		answer := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body))
		request.Header.Set("Content-Type", test.kind)
		request.Body = http.MaxBytesReader(answer, request.Body, 64)
		var name string
		taken := jsonrequest.Read(answer, request, func(o *strictjson.Object) { name = o.String("name") })
		switch {
		case taken != (test.want == 0) || taken && name != "n":
			t.Errorf("%s: taken is %v and the name %q", test.name, taken, name)
		case !taken && (answer.Code != test.want || answer.Header().Get("Content-Type") != problem.ContentType):
			t.Errorf("%s: got %d, %s, want a problem with status %d", test.name, answer.Code, answer.Header().Get("Content-Type"), test.want)
		}
	}
}

// Where nothing is expected, nothing may come.
func TestNothing(t *testing.T) {
	for body, want := range map[string]int{"": 0, " {} ": 0, `{"a":1}`: http.StatusBadRequest, strings.Repeat(" ", 100): http.StatusRequestEntityTooLarge} {
		answer := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		request.Body = http.MaxBytesReader(answer, request.Body, 64)
		if taken := jsonrequest.Nothing(answer, request); taken != (want == 0) || !taken && answer.Code != want {
			t.Errorf("%q: taken is %v with %d, want %d", body, taken, answer.Code, want)
		}
	}
}

// slow is a body that does not arrive before the server's patience ends.
type slow struct{}

func (slow) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// A body that comes too slowly is not a bad one.
func TestSlowBody(t *testing.T) {
	answer := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, "/", slow{})
	request.Header.Set("Content-Type", "application/json")
	if jsonrequest.Read(answer, request, func(*strictjson.Object) {}) || answer.Code != http.StatusRequestTimeout {
		t.Errorf("got %d, want %d", answer.Code, http.StatusRequestTimeout)
	}
}
