package lint_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/tools/migrations/lint"
)

var update = flag.Bool("update", false, "rewrite the golden files and the table in docs/migrations-lint.md")

// read returns files, which findings call by their last name.
func read(t *testing.T, pattern string) []lint.File {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var files []lint.File
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, lint.File{Path: filepath.Base(path), Content: content})
	}
	return files
}

// What each rule says, and about what: testdata/0100_RULE_bad.sql and _good.sql,
// both behind the files in testdata/history. There are a few without a rule of
// their own too.
func TestGolden(t *testing.T) {
	history := read(t, "testdata/history/*.sql")
	if findings := lint.Files(history); len(findings) > 0 {
		t.Fatalf("history: %v", findings)
	}
	seen := map[string]bool{}
	for _, file := range read(t, "testdata/*.sql") {
		name := strings.TrimSuffix(file.Path, ".sql")
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			var rules []string
			for _, finding := range lint.Files(append(history[:len(history):len(history)], file)) {
				got.WriteString(finding.String() + "\n")
				rules = append(rules, finding.Rule)
			}
			if strings.HasSuffix(name, "_good") {
				if got.Len() > 0 {
					t.Errorf("findings:\n%s", got.String())
				}
				return
			}
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("`go test ./tools/migrations/lint -update` rewrites the file (-want +got):\n%s", diff)
			}
			rule, found := strings.CutSuffix(strings.TrimPrefix(name, "0100_"), "_bad")
			if rule = strings.ReplaceAll(rule, "_", "-"); found && !strings.Contains(strings.Join(rules, " "), rule) {
				t.Errorf("there is no finding of %s", rule)
			}
		})
	}
	for _, rule := range lint.Rules {
		for _, kind := range []string{"bad", "good"} {
			if name := "0100_" + strings.ReplaceAll(rule.Name, "-", "_") + "_" + kind; !seen[name] {
				t.Errorf("there is no testdata/%s.sql", name)
			}
		}
	}
}

// The names of files, and what cannot be written into one that is checked in.
func TestFiles(t *testing.T) {
	const up, down = "-- +goose Up\n", "\n-- +goose Down\nSELECT 1;\n"
	for _, test := range []struct {
		name, path, content, want string
	}{
		{"good", "0002_x.sql", up + "SELECT 1;" + down, ""},
		{"name", "2_x.sql", up + "SELECT 1;" + down, "2_x.sql:1: format: "},
		{"zero byte", "0002_x.sql", up + "SELECT 1;\x00 DROP TABLE a;" + down, "0002_x.sql:2: syntax: PostgreSQL does not take it: a zero byte"},
		{"not UTF-8", "0002_x.sql", up + "SELECT\n'\xff';" + down, "0002_x.sql:3: syntax: "},
		{"line ends of Windows", "0002_x.sql", strings.ReplaceAll(up+"SELECT 1;\nTRUNCATE a;"+down, "\n", "\r\n"), "0002_x.sql:3: truncate: "},
		{"behind a character of two bytes", "0002_x.sql", up + "SELECT 'é'\n, ) ;" + down, "0002_x.sql:3: syntax: "},
		{"too deep", "0002_x.sql", up + "SELECT " + strings.Repeat("(", 50000) + "1" + strings.Repeat(")", 50000) + ";" + down, "0002_x.sql:2: syntax: "},
		{"a long sum", "0002_x.sql", up + "UPDATE a SET b = 1 WHERE c = 1" + strings.Repeat(" + 1", 100) + ";" + down, ""},
		{"empty", "0002_x.sql", "", "0002_x.sql:1: format: "},
		{"no semicolon", "0002_x.sql", up + "SELECT 1" + down, "0002_x.sql:2: format: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, finding := range lint.Files([]lint.File{{Path: test.path, Content: []byte(test.content)}}) {
				got = append(got, finding.String())
			}
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) == 0 || !strings.HasPrefix(got[0], test.want)) {
				t.Errorf("got %q, want one that begins with %q", got, test.want)
			}
		})
	}
}

// A column's type may become one that holds the same values in the same form.
func TestColumnTypes(t *testing.T) {
	for _, test := range []struct {
		from, to string
		rewrites bool
	}{
		{"varchar(10)", "varchar(20)", false},
		{"varchar(10)", "varchar", false},
		{"varchar(10)", "text", false},
		{"text", "varchar", false},
		{"varchar(20)", "varchar(10)", true},
		{"text", "varchar(10)", true},
		{"varchar", "varchar(10)", true},
		{"char(10)", "text", true},
		{"numeric(8, 2)", "numeric(10, 2)", false},
		{"numeric(8)", "numeric(9, 0)", false},
		{"numeric(8, 2)", "numeric", false},
		{"numeric(8, 2)", "numeric(10, 3)", true},
		{"numeric(10, 2)", "numeric(8, 2)", true},
		{"numeric", "numeric(10, 2)", true},
		{"timestamptz(3)", "timestamptz(6)", false},
		{"timestamptz(3)", "timestamptz", false},
		{"timestamptz", "timestamptz(3)", true},
		{"timestamp", "timestamptz", true},
		{"varbit(3)", "varbit(4)", false},
		{"cidr", "inet", false},
		{"inet", "cidr", true},
		{"integer", "int4", false},
		{"integer", "bigint", true},
		{"varchar(10)[]", "varchar(20)[]", true},
		{"text", "text COLLATE \"C\"", true},
		{"text", "text USING upper(c)", true},
		{"varchar(1)", "text USING c", false},
	} {
		t.Run(test.from+" to "+test.to, func(t *testing.T) {
			files := []lint.File{
				{Path: "0001_a.sql", Content: []byte("-- +goose Up\nCREATE TABLE a (c " + test.from + ");\n-- +goose Down\nDROP TABLE a;\n")},
				{Path: "0002_b.sql", Content: []byte("-- +goose Up\nALTER TABLE a ALTER COLUMN c TYPE " + test.to + ";\n-- +goose Down\nSELECT 1;\n")},
			}
			if got := lint.Files(files); (len(got) > 0) != test.rewrites {
				t.Errorf("got %v, want findings: %v", got, test.rewrites)
			}
		})
	}
}

func FuzzFiles(f *testing.F) {
	for _, pattern := range []string{"testdata/*.sql", "testdata/history/*.sql"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(content)
		}
	}
	f.Fuzz(func(_ *testing.T, content []byte) {
		lint.Files([]lint.File{{Path: "0100_fuzz.sql", Content: content}, {Path: "0101_again.sql", Content: content}})
	})
}

// The table in the documentation is that of the rules.
func TestDocumentation(t *testing.T) {
	const document = "../../../docs/migrations-lint.md"
	const begin, end = "<!-- rules: generated -->\n", "<!-- end -->\n"
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), begin)
	if !found {
		t.Fatalf("%s lacks %q", document, begin)
	}
	got, after, found := strings.Cut(rest, end)
	if !found {
		t.Fatalf("%s lacks %q", document, end)
	}
	var want strings.Builder
	want.WriteString("| rule | what breaks | what to do instead |\n|---|---|---|\n")
	for _, rule := range lint.Rules {
		want.WriteString("| `" + rule.Name + "` | " + rule.Breaks + " | " + rule.Instead + " |\n")
	}
	if *update {
		if err := os.WriteFile(document, []byte(before+begin+want.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), got); diff != "" {
		t.Errorf("`go test ./tools/migrations/lint -update` rewrites %s (-want +got):\n%s", document, diff)
	}
}

// What one file costs once the grammar has started.
func BenchmarkFiles(b *testing.B) {
	content, err := os.ReadFile("testdata/history/0001_tables.sql")
	if err != nil {
		b.Fatal(err)
	}
	files := []lint.File{{Path: "0001_tables.sql", Content: content}}
	lint.Files(files)
	for b.Loop() {
		lint.Files(files)
	}
}
