// Package long marks tests that take seconds.
package long

import "testing"

// Test skips the test under -short. Bazel runs all tests in full.
func Test(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds, and -short is given")
	}
}
