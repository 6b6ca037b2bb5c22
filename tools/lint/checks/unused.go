package checks

import (
	"golang.org/x/tools/go/analysis"
	"honnef.co/go/tools/unused"
)

// unusedCode reports what staticcheck's U1000 only computes: that one leaves
// the reporting to its driver, which looks at all packages together.
var unusedCode = &analysis.Analyzer{
	Name:     unused.Analyzer.Analyzer.Name,
	Doc:      unused.Analyzer.Analyzer.Doc,
	Requires: []*analysis.Analyzer{unused.Analyzer.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		result := pass.ResultOf[unused.Analyzer.Analyzer].(unused.Result)
		for _, object := range result.Unused {
			for file := range pass.Fset.Iterate {
				if file.Name() == object.Position.Filename {
					pass.Reportf(file.Pos(object.Position.Offset), "%s %s is unused", object.Kind, object.Name)
				}
			}
		}
		return nil, nil
	},
}
