package config_test

import (
	"encoding"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
)

type shared struct {
	Level string `config:"LOG_LEVEL" default:"info" enum:"info,debug" doc:"how much is logged"`
}

type example struct {
	Database config.SecretURL `config:"DATABASE_URL" required:"true" schemes:"postgres,sqlite" doc:"where the data is"`
	Addr     config.HostPort  `config:"GRPC_ADDR" default:":50051" doc:"where gRPC is served"`
	Wait     time.Duration    `config:"DRAIN_DELAY" default:"5s" doc:"how long to wait"`
	Limit    int              `config:"LIMIT" doc:"how many"`
	Verbose  bool             `config:"VERBOSE" default:"false" doc:"whether to say more"`
	Shared   shared
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}
}

// Flags win over variables and variables over defaults, whatever the type.
func TestParse(t *testing.T) {
	defaults := example{Database: "postgres://h/d", Addr: ":50051", Wait: 5 * time.Second, Shared: shared{"info"}}
	with := func(change func(*example)) example {
		e := defaults
		change(&e)
		return e
	}
	for _, test := range []struct {
		name string
		env  map[string]string
		args []string
		want example
	}{
		{"defaults", nil, nil, defaults},
		{"variables", map[string]string{"GRPC_ADDR": "127.0.0.1:0", "DRAIN_DELAY": "0", "LIMIT": "7", "VERBOSE": "1", "LOG_LEVEL": "debug"}, nil,
			example{"postgres://h/d", "127.0.0.1:0", 0, 7, true, shared{"debug"}}},
		{"an empty variable is not set", map[string]string{"GRPC_ADDR": "", "LIMIT": ""}, nil, defaults},
		{"a flag with =", nil, []string{"--limit=3"}, with(func(e *example) { e.Limit = 3 })},
		{"a flag with a space", nil, []string{"--limit", "3"}, with(func(e *example) { e.Limit = 3 })},
		{"a flag over a variable", map[string]string{"LIMIT": "1"}, []string{"--limit=3"}, with(func(e *example) { e.Limit = 3 })},
		{"the last flag wins", nil, []string{"--limit=3", "--limit=4"}, with(func(e *example) { e.Limit = 4 })},
		{"a bool flag alone", nil, []string{"--verbose", "--limit=3"}, with(func(e *example) { e.Verbose, e.Limit = true, 3 })},
		{"a bool flag with =", map[string]string{"VERBOSE": "true"}, []string{"--verbose=false"}, defaults},
	} {
		env := map[string]string{"DATABASE_URL": "postgres://h/d"}
		for name, value := range test.env {
			env[name] = value
		}
		var got example
		if err := config.Parse(&got, test.args, lookup(env)); err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got != test.want {
			t.Errorf("%s: got %#v, want %#v", test.name, got, test.want)
		}
	}
}

// All mistakes are reported at once, each on a line that names the variable,
// what it held and what it takes.
func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		name string
		env  map[string]string
		args []string
		want []string
	}{
		{"nothing set", nil, nil, []string{"DATABASE_URL is not set; it takes a URL that starts with postgres:// or sqlite://"}},
		{"everything wrong", map[string]string{
			"DATABASE_URL": "mysql://user:hunter2@host", "GRPC_ADDR": "50051", "DRAIN_DELAY": "5", "LIMIT": "-1", "VERBOSE": "maybe", "LOG_LEVEL": "loud",
		}, nil, []string{
			"DATABASE_URL is (redacted); it takes a URL that starts with postgres:// or sqlite://",
			`GRPC_ADDR is "50051"; it takes host:port or :port, such as 127.0.0.1:8080`,
			`DRAIN_DELAY is "5"; it takes a duration such as 500ms, 20s or 5m`,
			`LIMIT is "-1"; it takes a whole number from 0`,
			`VERBOSE is "maybe"; it takes true or false`,
			`LOG_LEVEL is "loud"; it takes one of info, debug`,
		}},
		{"a wrong flag", map[string]string{"DATABASE_URL": "postgres://h/d"}, []string{"--grpc-addr=:99999"},
			[]string{`--grpc-addr is ":99999"; it takes host:port or :port, such as 127.0.0.1:8080`}},
		{"unknown flags", map[string]string{"DATABASE_URL": "postgres://h/d"}, []string{"--databse-url=hunter2", "hunter2", "-limit=3"},
			[]string{"--databse-url is not known; --help lists the flags", "an argument without a flag is not known; --help lists the flags", "-limit is not known; --help lists the flags"}},
		{"a flag without its value", map[string]string{"DATABASE_URL": "postgres://h/d"}, []string{"--limit"},
			[]string{"--limit has no value; it takes a whole number from 0"}},
	} {
		var into example
		var mistakes *config.Mistakes
		if err := config.Parse(&into, test.args, lookup(test.env)); !errors.As(err, &mistakes) {
			t.Errorf("%s: got %v, want mistakes", test.name, err)
			continue
		}
		if diff := cmp.Diff(test.want, mistakes.Lines); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// Help and the version are answered however wrong the rest is.
func TestHelpAndVersion(t *testing.T) {
	for _, test := range []struct {
		arg  string
		want error
	}{{"--help", config.ErrHelp}, {"-h", config.ErrHelp}, {"--version", config.ErrVersion}} {
		var into example
		if err := config.Parse(&into, []string{test.arg}, lookup(nil)); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.arg, err, test.want)
		}
	}
}

// Help lists every setting with its flag, its default and what it takes.
func TestUsage(t *testing.T) {
	got := config.Usage(&example{}, config.Program{Name: "x", Summary: "does things"})
	for _, want := range []string{
		"x: does things",
		"DATABASE_URL, --database-url\n        where the data is; takes a URL that starts with postgres:// or sqlite:// (required)",
		"GRPC_ADDR, --grpc-addr\n        where gRPC is served; takes host:port or :port, such as 127.0.0.1:8080 (default :50051)",
		"LIMIT, --limit\n        how many; takes a whole number from 0 (not set by default)",
		"LOG_LEVEL, --log-level\n        how much is logged; takes one of info, debug (default info)",
		"--version",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the text lacks %q:\n%s", want, got)
		}
	}
}

// --print-config shows every value and where it came from, and no secret; what
// is wrong is reported beside it.
func TestPrintConfig(t *testing.T) {
	env := map[string]string{"DATABASE_URL": "postgres://u:hunter2@h/d", "LIMIT": "7"}
	var stdout, stderr strings.Builder
	code, proceed := config.LoadFrom(&example{}, config.Program{Name: "x"}, []string{"--print-config", "--verbose"}, lookup(env), &stdout, &stderr)
	want := "DATABASE_URL=(redacted) # environment\nGRPC_ADDR=:50051 # default\nDRAIN_DELAY=5s # default\n" +
		"LIMIT=7 # environment\nVERBOSE=true # flag\nLOG_LEVEL=info # default\n"
	if diff := cmp.Diff(want, stdout.String()); code != 0 || proceed || diff != "" {
		t.Errorf("got %d, %v, %q; output (-want +got):\n%s", code, proceed, stderr.String(), diff)
	}
	stdout.Reset()
	env = map[string]string{"LIMIT": "many", "DATABASE_URL": "hunter2"}
	code, proceed = config.LoadFrom(&example{}, config.Program{Name: "x"}, []string{"--print-config"}, lookup(env), &stdout, &stderr)
	if code != config.ExitUsage || proceed || !strings.Contains(stderr.String(), "x: LIMIT is \"many\"") {
		t.Errorf("mistakes: got %d, %v, %q", code, proceed, stderr.String())
	}
	if out := stdout.String(); !strings.Contains(out, "LIMIT=many # environment\n") || strings.Contains(out+stderr.String(), "hunter2") {
		t.Errorf("beside mistakes it printed %q", out)
	}
}

// A password in the URL of a setting that is not secret is not shown either.
func TestPrintConfigURL(t *testing.T) {
	var into struct {
		Endpoint string `config:"ENDPOINT" doc:"where to send"`
		Level    string `config:"LEVEL" enum:"info,debug" doc:"how much"`
	}
	env := map[string]string{"ENDPOINT": "https://u:hunter2@h/d", "LEVEL": "x://u:hunter2@h"}
	var stdout, stderr strings.Builder
	config.LoadFrom(&into, config.Program{Name: "x"}, []string{"--print-config"}, lookup(env), &stdout, &stderr)
	if !strings.Contains(stdout.String(), "ENDPOINT=https://u:xxxxx@h/d # environment\n") || strings.Contains(stdout.String()+stderr.String(), "hunter2") {
		t.Errorf("got %q, %q", stdout.String(), stderr.String())
	}
}

// A duration can have a least value.
func TestLeastDuration(t *testing.T) {
	for value, want := range map[string]string{
		"0": `HEALTH_INTERVAL is "0"; it takes a duration such as 500ms, 20s or 5m, from 1ms`, "999us": `HEALTH_INTERVAL is "999us"`, "1ms": "", "1h": "",
	} {
		var into struct {
			Interval time.Duration `config:"HEALTH_INTERVAL" default:"2s" min:"1ms" doc:"time between two runs"`
		}
		err := config.Parse(&into, nil, lookup(map[string]string{"HEALTH_INTERVAL": value}))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", value, err, want)
		}
	}
}

// A min that is none of a duration is a mistake in the program.
func TestLeastMistakes(t *testing.T) {
	for name, into := range map[string]any{
		"no duration": &struct {
			Wait time.Duration `config:"WAIT" min:"soon" doc:"how long"`
		}{},
		"another type": &struct {
			Limit int `config:"LIMIT" min:"1s" doc:"how many"`
		}{},
	} {
		func() {
			defer func() {
				if cause := fmt.Sprint(recover()); !strings.Contains(cause, "has a min that is none of a duration") {
					t.Errorf("%s: got %q", name, cause)
				}
			}()
			config.Describe(into)
		}()
	}
}

// Describe and Defaults give what --help says.
func TestDescribeAndDefaults(t *testing.T) {
	described := config.Describe(&example{})
	want := config.Setting{Name: "DRAIN_DELAY", Default: "5s", Takes: "a duration such as 500ms, 20s or 5m", Doc: "how long to wait"}
	if diff := cmp.Diff(want, described[2]); len(described) != 6 || diff != "" {
		t.Errorf("got %d settings; the third (-want +got):\n%s", len(described), diff)
	}
	var got example
	config.Defaults(&got)
	if want := (example{Addr: ":50051", Wait: 5 * time.Second, Shared: shared{"info"}}); got != want {
		t.Errorf("Defaults: got %#v, want %#v", got, want)
	}
}

// A secret cannot be printed by accident.
func TestSecrets(t *testing.T) {
	url, text := config.SecretURL("postgres://user:hunter2@host/db"), config.Secret("hunter2")
	for _, printed := range []string{
		fmt.Sprint(url), fmt.Sprintf("%s %v %q %#v", url, url, url, url), fmt.Sprintf("%+v", example{Database: url}),
		fmt.Sprint(text), fmt.Sprintf("%s %v %q %#v", text, text, text, text),
	} {
		if strings.Contains(printed, "hunter2") {
			t.Errorf("the password is in %q", printed)
		}
	}
	for _, secret := range []encoding.TextMarshaler{url, text} {
		if encoded, err := secret.MarshalText(); err != nil || strings.Contains(string(encoded), "hunter2") {
			t.Errorf("MarshalText of %T: got %q, %v", secret, encoded, err)
		}
	}
}

// The first argument is the command, and options are of one call alone.
func TestCommands(t *testing.T) {
	type settings struct {
		Name string `config:"NAME" default:"x" doc:"a name"`
		To   string `flag:"to" doc:"where to"`
		Yes  bool   `flag:"yes" doc:"go ahead"`
	}
	program := config.Program{Name: "p", Summary: "does things", Version: "1", Commands: []config.Command{
		{Name: "up", Summary: "goes up"}, {Name: "down", Summary: "goes down"},
	}}
	environment := func(name string) (string, bool) {
		values := map[string]string{"NAME": "y", "TO": "hell", "to": "hell", "YES": "true", "yes": "true"}
		value, ok := values[name]
		return value, ok
	}
	for _, test := range []struct {
		args    []string
		command string
		want    settings
		code    int
		stderr  string
	}{
		{args: nil, command: "up", want: settings{Name: "y"}},
		{args: []string{"down", "--to", "7", "--yes"}, command: "down", want: settings{Name: "y", To: "7", Yes: true}},
		{args: []string{"--to=7", "--name=z"}, command: "up", want: settings{Name: "z", To: "7"}},
		{args: []string{"sideways"}, code: 2, stderr: `p: there is no command "sideways"; --help lists them`},
		{args: []string{"up", "down"}, code: 2, stderr: "an argument without a flag is not known"},
		{args: []string{"up", "--too", "7"}, code: 2, stderr: "--too is not known"},
	} {
		var got settings
		var stdout, stderr strings.Builder
		command, code, proceed := config.LoadCommandWith(&got, program, test.args, environment, &stdout, &stderr)
		if code != test.code || proceed != (test.code == 0) || !strings.Contains(stderr.String(), test.stderr) {
			t.Errorf("%q: got code %d, %v and %s, want code %d and %q", test.args, code, proceed, &stderr, test.code, test.stderr)
		}
		if test.code == 0 && (command != test.command || got != test.want) {
			t.Errorf("%q: got %s %+v, want %s %+v", test.args, command, got, test.command, test.want)
		}
	}
	help := config.Usage(&settings{}, program)
	for _, want := range []string{"Usage: p [COMMAND] [FLAGS]", "up       goes up (what happens without a command)", "down     goes down", "  --to\n        where to; takes text"} {
		if !strings.Contains(help, want) {
			t.Errorf("--help lacks %q:\n%s", want, help)
		}
	}
	if described := config.Describe(&settings{}); len(described) != 1 {
		t.Errorf("%d settings are described, want the one that is not an option", len(described))
	}
}
