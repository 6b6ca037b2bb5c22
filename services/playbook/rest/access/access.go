// Package access lets requests with an API key through to the API, and no others.
package access

import (
	"context"
	"net/http"
	"strings"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/problem"
)

// scheme is how a key is sent: Authorization: Bearer pb_…
const scheme = "Bearer"

type callerKey struct{}

// Caller returns whom a request is from that was let through.
func Caller(ctx context.Context) domain.Caller {
	caller, _ := ctx.Value(callerKey{}).(domain.Caller)
	return caller
}

// Require returns a middleware that answers 401 to requests without a valid key,
// and 403 to those whose key lacks the scope: read for GET and HEAD, write for
// everything else. What it lets through knows its Caller. Other errors are answered by
// fail.
func Require(service *usecase.Service, fail func(http.ResponseWriter, *http.Request, error)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, given := bearer(r.Header["Authorization"])
			if !given {
				// Nobody is guessing, so there is nothing to hide.
				refuse(w)
				return
			}
			caller, err := service.Authenticate(r.Context(), token)
			if domain.KindOf(err) == domain.Unauthenticated {
				refuse(w)
				return
			}
			if err != nil {
				fail(w, r, err)
				return
			}
			if scope := needed(r.Method); !caller.May(scope) {
				w.Header().Set("WWW-Authenticate", scheme+` error="insufficient_scope", scope="`+string(scope)+`"`)
				problem.Write(w, problem.Details{
					Status: http.StatusForbidden, Detail: "the API key lacks the scope " + string(scope),
					Reason: string(domain.NotAllowed), Metadata: map[string]string{"scope": string(scope)},
				})
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
		})
	}
}

// refuse sends the one answer to all that is wrong with a key.
func refuse(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", scheme)
	problem.Status(w, http.StatusUnauthorized, string(domain.NotAuthenticated), "an API key is needed: Authorization: Bearer pb_…")
}

// bearer returns the token in the values of the header Authorization. What is no
// bearer token is a token that is not valid.
func bearer(values []string) (token string, given bool) {
	if len(values) == 0 {
		return "", false
	}
	name, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(name, scheme) {
		return "", true
	}
	return strings.TrimSpace(token), true
}

func needed(method string) domain.Scope {
	if method == http.MethodGet || method == http.MethodHead {
		return domain.ScopeRead
	}
	return domain.ScopeWrite
}
