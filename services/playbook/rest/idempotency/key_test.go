package idempotency_test

import (
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/services/playbook/rest/idempotency"
)

// A key is a string of RFC 8941 or a word, and both spellings are one key.
func TestParseKey(t *testing.T) {
	long := strings.Repeat("x", 255)
	for _, test := range []struct {
		value, want string
		ok          bool
	}{
		{"a", "a", true},
		{`"a"`, "a", true},
		{"  a\t", "a", true},
		{"8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324", true},
		{`"a b, c; d"`, "a b, c; d", true},
		{`"a\"\\"`, `a"\`, true},
		{long, long, true},
		{`"` + long + `"`, long, true},
		{`"` + strings.Repeat(`\"`, 255) + `"`, strings.Repeat(`"`, 255), true},
		{"", "", false},
		{`""`, "", false},
		{long + "x", "", false},
		{`"` + long + `x"`, "", false},
		{"a b", "", false},
		{"a,b", "", false},
		{"a;b=1", "", false},
		{`a"b`, "", false},
		{`a\b`, "", false},
		{`"a`, "", false},
		{`"`, "", false},
		{`"a\"`, "", false},
		{`"a\b"`, "", false},
		{`"a\`, "", false},
		{`"a";b=1`, "", false},
		{`"a", "b"`, "", false},
		{"ü", "", false},
		{`"ü"`, "", false},
		{"a\x00", "", false},
		{"\"a\x7f\"", "", false},
	} {
		got, ok := idempotency.ParseKey([]string{test.value})
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%q: got %q, %v, want %q, %v", test.value, got, ok, test.want, test.ok)
		}
	}
	if _, ok := idempotency.ParseKey([]string{"a", "a"}); ok {
		t.Error("two values are taken")
	}
}

// What is taken is within bounds, printable, and the same when it is written as a
// string.
func FuzzParseKey(f *testing.F) {
	for _, value := range []string{"a", `"a b"`, `"\\\""`, `"a`, "a,b", "\x00"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		key, ok := idempotency.ParseKey([]string{value})
		if !ok {
			return
		}
		if len(key) < 1 || len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q is taken as %q", value, key)
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		if again, ok := idempotency.ParseKey([]string{quoted}); !ok || again != key {
			t.Errorf("%q is taken as %q, and %q as %q, %v", value, key, quoted, again, ok)
		}
	})
}
