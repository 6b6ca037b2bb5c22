package lint

import (
	"fmt"
	"slices"
)

// waiver is a line "-- soketsugo:allow RULE REASON".
type waiver struct {
	line         int
	rule, reason string
}

// applyWaivers takes out what is waived, and adds what is wrong with waivers.
// Lines are those of all statements.
func applyWaivers(path string, findings []Finding, waivers []waiver, lines []int) []Finding {
	var mistakes []Finding
	for _, w := range waivers {
		problem := func(breaks, instead string) {
			mistakes = append(mistakes, Finding{Path: path, Line: w.line, Rule: ruleWaiver.Name, Breaks: breaks, Instead: instead})
		}
		i := slices.IndexFunc(Rules, func(r *Rule) bool { return r.Name == w.rule })
		switch {
		case w.rule == "":
			problem("the waiver names no rule", "write "+allowDirective+" RULE REASON")
			continue
		case i < 0:
			problem(fmt.Sprintf("there is no rule %s", w.rule), "name one of those that ./bazelw run //migrations:lint -- --help lists")
			continue
		case Rules[i].Always:
			problem(fmt.Sprintf("%s cannot be waived", w.rule), "correct what it is about")
			continue
		case w.reason == "":
			problem(fmt.Sprintf("the waiver of %s has no reason, so that nobody can judge it later", w.rule), "write why it is safe here behind the rule's name")
			continue
		}
		target := nextLine(lines, w.line)
		before := len(findings)
		findings = slices.DeleteFunc(findings, func(f Finding) bool {
			return f.Rule == w.rule && (Rules[i].File || f.Line == target)
		})
		if len(findings) == before {
			problem(fmt.Sprintf("the waiver of %s waives nothing: the next statement does not break it", w.rule), "remove the line, or move it above the statement that it is for")
		}
	}
	return append(findings, mistakes...)
}

// nextLine returns the first of lines behind one; 0 if there is none.
func nextLine(lines []int, line int) int {
	next := 0
	for _, l := range lines {
		if l > line && (next == 0 || l < next) {
			next = l
		}
	}
	return next
}
