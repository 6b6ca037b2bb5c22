// Package scopelist writes the scopes of a key as one text, as OAuth does: with
// spaces between them.
package scopelist

import (
	"strings"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// Encode returns scopes as text.
func Encode(scopes []domain.Scope) string {
	texts := make([]string, len(scopes))
	for i, scope := range scopes {
		texts[i] = string(scope)
	}
	return strings.Join(texts, " ")
}

// Decode reads what Encode returns.
func Decode(text string) []domain.Scope {
	var scopes []domain.Scope
	for _, scope := range strings.Fields(text) {
		scopes = append(scopes, domain.Scope(scope))
	}
	return scopes
}
