package suite_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"honnef.co/go/tools/analysis/facts/directives"
	"honnef.co/go/tools/analysis/lint"

	"github.com/soketsugo/soketsugo/tools/lint/suite"
)

// naming is a check that dislikes functions whose names start with a prefix.
func naming(name, prefix string) *analysis.Analyzer {
	return &analysis.Analyzer{
		Name: name,
		Doc:  "dislikes functions named " + prefix + "...",
		Run: func(pass *analysis.Pass) (any, error) {
			for _, file := range pass.Files {
				for _, declaration := range file.Decls {
					function, ok := declaration.(*ast.FuncDecl)
					if ok && strings.HasPrefix(function.Name.Name, prefix) {
						pass.Reportf(function.Pos(), "%s is a bad name", function.Name.Name)
					}
				}
			}
			return nil, nil
		},
	}
}

// findings runs a suite of two checks over a source file.
func findings(t *testing.T, source string) []string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "source.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	analyzer := suite.New("suite", []*analysis.Analyzer{naming("X1", "do"), naming("X2", "get")})
	var messages []string
	pass := &analysis.Pass{
		Analyzer: analyzer,
		Fset:     files,
		Files:    []*ast.File{file},
		Report:   func(finding analysis.Diagnostic) { messages = append(messages, finding.Message) },
		ResultOf: map[*analysis.Analyzer]any{
			directives.Analyzer: lint.ParseDirectives([]*ast.File{file}, files),
		},
	}
	if _, err := analyzer.Run(pass); err != nil {
		t.Fatal(err)
	}
	return messages
}

// Findings of all checks are reported with their names, and only a comment
// that names the check and gives a reason excuses one.
func TestSuite(t *testing.T) {
	for _, test := range []struct {
		name   string
		source string
		want   []string
	}{
		{
			name:   "nothing to report",
			source: "package p\n\nfunc run() {}\n",
		},
		{
			name:   "both checks",
			source: "package p\n\nfunc getIt() {}\n\nfunc doIt() {}\n",
			want:   []string{"X1: doIt is a bad name", "X2: getIt is a bad name"},
		},
		{
			name:   "an excuse",
			source: "package p\n\n//lint:ignore X1 an old name\nfunc doIt() {}\n",
		},
		{
			name:   "an excuse for several checks",
			source: "package p\n\n//lint:ignore X2,X1 an old name\nfunc doIt() {}\n",
		},
		{
			name:   "an excuse for another check",
			source: "package p\n\n//lint:ignore X2 an old name\nfunc doIt() {}\n",
			want:   []string{"X1: doIt is a bad name", "this comment excuses nothing: remove it"},
		},
		{
			name:   "an excuse without a reason",
			source: "package p\n\n//lint:ignore X1\nfunc doIt() {}\n",
			want:   []string{"a comment of this kind reads //lint:ignore CHECK the reason", "X1: doIt is a bad name"},
		},
		{
			name:   "an excuse elsewhere",
			source: "package p\n\n//lint:ignore X1 an old name\nfunc run() {}\n\nfunc doIt() {}\n",
			want:   []string{"X1: doIt is a bad name", "this comment excuses nothing: remove it"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := findings(t, test.source); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
