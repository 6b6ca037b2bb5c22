// Package suite makes one analyzer of many.
//
// rules_go's nogo wants a package with a variable Analyzer for every check. One
// analyzer that runs them all costs the build one compilation where 150 would be
// needed, and one more check is one more line.
package suite

import (
	"encoding/gob"
	"fmt"

	"golang.org/x/tools/go/analysis"
	"honnef.co/go/tools/analysis/facts/directives"
)

// New makes an analyzer that runs checks, and that puts the name of the check
// in front of each finding. A comment excuses the findings in a line:
//
//	//lint:ignore CHECK[,CHECK...] the reason
//
// The analyzer declares no facts, although its checks may have some. So nogo
// runs it over our own packages alone, and not over every third-party package
// just for the facts of that one.
func New(name string, checks []*analysis.Analyzer) *analysis.Analyzer {
	needs := []*analysis.Analyzer{directives.Analyzer}
	known := map[*analysis.Analyzer]bool{directives.Analyzer: true}
	for _, check := range checks {
		for _, need := range check.Requires {
			if !known[need] {
				known[need] = true
				needs = append(needs, need)
			}
		}
		// A driver does this for the analyzers that it knows of.
		for _, fact := range check.FactTypes {
			gob.Register(fact)
		}
	}
	return &analysis.Analyzer{
		Name:     name,
		Doc:      fmt.Sprintf("runs %d checks", len(checks)),
		Requires: needs,
		Run: func(pass *analysis.Pass) (any, error) {
			return nil, run(pass, checks)
		},
	}
}

// run runs each check and reports the findings that no comment excuses.
func run(pass *analysis.Pass, checks []*analysis.Analyzer) error {
	excuses := findExcuses(pass)
	for _, check := range checks {
		own := *pass
		own.Analyzer = check
		own.Report = func(finding analysis.Diagnostic) {
			if excuses.cover(pass.Fset.Position(finding.Pos), check.Name) {
				return
			}
			finding.Message = check.Name + ": " + finding.Message
			pass.Report(finding)
		}
		if _, err := check.Run(&own); err != nil {
			return fmt.Errorf("running %s: %w", check.Name, err)
		}
	}
	for _, unused := range excuses.unused() {
		pass.Report(unused)
	}
	return nil
}
