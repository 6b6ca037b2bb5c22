package suite

import (
	"go/token"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"honnef.co/go/tools/analysis/facts/directives"
	"honnef.co/go/tools/analysis/lint"
)

// An excuse is a comment of the form
//
//	//lint:ignore CHECK[,CHECK...] the reason
//
// It excuses the findings in the line of the code that it belongs to.
type excuse struct {
	comment token.Pos
	file    string
	line    int
	checks  []string
	used    bool
}

type excuses []*excuse

// findExcuses reads the comments of a package, and reports those that give no
// reason.
func findExcuses(pass *analysis.Pass) excuses {
	var found excuses
	for _, directive := range pass.ResultOf[directives.Analyzer].([]lint.Directive) {
		if directive.Command != "ignore" {
			continue
		}
		if len(directive.Arguments) < 2 {
			pass.Reportf(directive.Directive.Pos(), "a comment of this kind reads //lint:ignore CHECK the reason")
			continue
		}
		position := pass.Fset.Position(directive.Node.Pos())
		found = append(found, &excuse{
			comment: directive.Directive.Pos(),
			file:    position.Filename,
			line:    position.Line,
			checks:  strings.Split(directive.Arguments[0], ","),
		})
	}
	return found
}

// cover says whether a comment excuses the findings of a check at a position.
func (e excuses) cover(at token.Position, check string) bool {
	for _, one := range e {
		if one.file == at.Filename && one.line == at.Line && slices.Contains(one.checks, check) {
			one.used = true
			return true
		}
	}
	return false
}

// unused finds the comments that excuse nothing any more.
func (e excuses) unused() []analysis.Diagnostic {
	var found []analysis.Diagnostic
	for _, one := range e {
		if !one.used {
			found = append(found, analysis.Diagnostic{
				Pos:     one.comment,
				Message: "this comment excuses nothing: remove it",
			})
		}
	}
	return found
}
