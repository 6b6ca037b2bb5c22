package grammar_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/tools/migrations/lint/grammar"
)

// Each statement is found where it begins, whatever is before it.
func TestParse(t *testing.T) {
	type found struct {
		Kind string
		Text string
	}
	for _, test := range []struct {
		name, text string
		want       []found
	}{
		{"nothing", "", nil},
		{"a comment", "-- a", nil},
		{"one", "SELECT 1", []found{{"SelectStmt", "SELECT 1"}}},
		{"two in a line", "SELECT 1; TRUNCATE a;", []found{{"SelectStmt", "SELECT 1"}, {"TruncateStmt", "TRUNCATE a;"}}},
		{"comments", "-- é;\nSELECT 1;\n/* a /* b */ ; */\n\t-- c\nDROP TABLE a;", []found{{"SelectStmt", "SELECT 1"}, {"DropStmt", "DROP TABL"}}},
		{"a semicolon in a text", "SELECT ';'; SELECT 2", []found{{"SelectStmt", "SELECT ';'"}, {"SelectStmt", "SELECT 2"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			statements, err := grammar.Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []found
			for i, s := range statements {
				text := test.text[s.Offset:]
				if i < len(test.want) {
					text = text[:min(len(text), len(test.want[i].Text))]
				}
				got = append(got, found{s.Kind, text})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("statements (-want +got):\n%s", diff)
			}
		})
	}
}

// A mistake is found where it is, in bytes.
func TestParseError(t *testing.T) {
	for _, test := range []struct {
		name, text, at string
	}{
		{"at once", "SELEC 1", "SELEC"},
		{"behind characters of two bytes", "SELECT 'éé'; -- é\nSELEC 1", "SELEC"},
		{"at a character of two bytes", "SELECT 1; é", "é"},
		{"at the end", "SELECT (", ""},
		{"a zero byte", "SELECT 1\x00", "\x00"},
		{"not UTF-8", "SELECT '\xff'", "\xff"},
		{"not UTF-8 behind UTF-8", "SELECT 'é\xff'", "\xff"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := grammar.Parse(test.text)
			var problem *grammar.Error
			if !errors.As(err, &problem) {
				t.Fatalf("got %v", err)
			}
			if rest := test.text[problem.Offset:]; !strings.HasPrefix(rest, test.at) || test.at == "" && rest != "" {
				t.Errorf("%v is at %q, want %q", err, rest, test.at)
			}
		})
	}
}

// Every node is found, also those that the tree has without a kind around them.
func TestNodes(t *testing.T) {
	statements, err := grammar.Parse("WITH gone AS (DELETE FROM a RETURNING x) INSERT INTO b SELECT f(x) FROM gone WHERE g(x) = 1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, node := range statements[0].Nodes() {
		switch {
		case node.InsertStmt != nil:
			got = append(got, "insert into "+node.InsertStmt.Relation.Name)
		case node.DeleteStmt != nil:
			got = append(got, "delete from "+node.DeleteStmt.Relation.Name)
		case node.FuncCall != nil:
			got = append(got, "call "+strings.Join(grammar.Names(node.FuncCall.Name), "."))
		}
	}
	if diff := cmp.Diff([]string{"insert into b", "call f", "call g", "delete from a"}, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

// What is too deep for the parser is an error before it is parsed, and the parser
// goes on with what is behind it. What is at the bound is parsed.
func TestTooDeep(t *testing.T) {
	for _, test := range []struct {
		name, begin, again, middle, end string
		least                           int
	}{
		{"sum", "SELECT 1", " + 1", "", "", 200},
		{"sign", "SELECT ", "- ", "1", "", 200},
		{"not", "SELECT ", "NOT ", "true", "", 200},
		{"cast", "SELECT 1", "::int", "", "", 100},
		{"parentheses", "SELECT ", "(", "1", ")", 100},
		{"call", "SELECT ", "f(", "1", ")", 100},
		{"select", "", "SELECT (", "SELECT 1", ")", 40},
		{"with", "", "WITH a AS (", "SELECT 1", ") SELECT 1", 25},
		{"case", "SELECT ", "CASE WHEN ", "true", " THEN 1 END", 60},
		{"union", "SELECT 1, 2", " UNION SELECT 1, 2", "", "", 40},
		{"join", "SELECT * FROM a", " CROSS JOIN a", "", "", 100},
		{"array", "SELECT ", "ARRAY[", "1", "]", 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := func(n int) string {
				return test.begin + strings.Repeat(test.again, n) + test.middle + strings.Repeat(test.end, n)
			}
			times := 1
			for ; ; times++ {
				if _, err := grammar.Parse(text(times)); err != nil {
					var problem *grammar.Error
					if !errors.As(err, &problem) || !problem.TooDeep {
						t.Fatalf("%d times: %v", times, err)
					}
					break
				}
			}
			if times <= test.least || times > 400 {
				t.Errorf("too deep at %d times, want more than %d, up to 400", times, test.least)
			}
			if _, err := grammar.Parse(text(100000)); err == nil || !strings.Contains(err.Error(), "nested") {
				t.Errorf("100000 times: %.100v", err)
			}
		})
	}
}

// A long text is not a deep one.
func TestLong(t *testing.T) {
	for name, text := range map[string]string{
		"rows":     "INSERT INTO a VALUES (1, -1)" + strings.Repeat(", (1 + 1, 'a' || 'b')", 5000),
		"columns":  "CREATE TABLE a (b int DEFAULT (1 + 1)" + strings.Repeat(", c int CHECK (c > 0)", 1000) + ")",
		"comments": strings.Repeat("/* (((((( */ -- ((((((\n", 1000) + "SELECT 1",
		"texts":    "SELECT 1" + strings.Repeat(", '((((''((', \"(((\", E'\\'(((', $a$((( $$ ((($a$", 1000),
		"body":     "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$" + strings.Repeat("SELECT 1 + (SELECT 1);", 1000) + "$$",
		"many":     strings.Repeat("SELECT 1 + 1;", 1000),
	} {
		if _, err := grammar.Parse(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOption(t *testing.T) {
	for text, want := range map[string]bool{
		"VACUUM a":                        false,
		"VACUUM FULL a":                   true,
		"VACUUM (FULL) a":                 true,
		"VACUUM (FULL true) a":            true,
		"VACUUM (FULL false) a":           false,
		"VACUUM (FULL off, VERBOSE on) a": false,
		"VACUUM (FULL 0) a":               false,
		"VACUUM (FULL 1) a":               true,
	} {
		statements, err := grammar.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := grammar.Option(statements[0].VacuumStmt.Options, "full"); got != want {
			t.Errorf("%s: full is %v, want %v", text, got, want)
		}
	}
}
