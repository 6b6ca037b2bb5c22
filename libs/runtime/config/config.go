// Package config reads a process's configuration: environment variables, each
// overridden by a flag of the same name (DATABASE_URL and --database-url).
//
// A process declares a struct whose fields carry tags:
//
//	type configuration struct {
//		Database config.SecretURL `config:"DATABASE_URL" required:"true" schemes:"postgres" doc:"where the data is"`
//		Listen   config.HostPort  `config:"GRPC_ADDR" default:":50051" doc:"where gRPC is served"`
//		Logging  logging.Config
//	}
//
// The tags are config (the variable's name), default, required, doc, enum (the
// values allowed, for strings), schemes (the schemes allowed, for a SecretURL) and
// min (the shortest duration allowed). A field with the tag flag instead of config is an option of one
// call, which the environment cannot set. Fields may be string, bool, int, time.Duration, Secret, SecretURL
// and HostPort; a struct without a config tag is read field by field. Anything
// else is a mistake in the program, and Parse panics.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/soketsugo/soketsugo/libs/runtime/buildinfo"
)

// ExitUsage is the exit code of a process whose configuration is wrong.
const ExitUsage = 2

// Program describes a process to its users.
type Program struct {
	// Name is the process's name, such as "playbook-grpc".
	Name string
	// Summary is one line for --help.
	Summary string
	// Version is the service's checked-in version.
	Version string
	// Schema is the schema version that the process needs, or, of a migrate
	// process, brings. Most programs have none.
	Schema int64
	// Commands are what the first argument can be; the first of them is what
	// happens without. Most programs do one thing and have none.
	Commands []Command
}

// Command is one of the things that a program can do.
type Command struct {
	// Name is the argument.
	Name string
	// Summary is one line for --help.
	Summary string
}

// Load fills the struct that into points at from the process's environment and
// arguments. It answers --help, --version and --print-config on standard output
// and reports mistakes on standard error. When it returns false the process must exit with
// the code.
func Load(into any, program Program) (code int, proceed bool) {
	return load(into, program, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
}

// LoadCommand does what Load does for a program that has commands, and returns
// the name of the one that was asked for.
func LoadCommand(into any, program Program) (command string, code int, proceed bool) {
	return loadCommand(into, program, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
}

func loadCommand(into any, program Program, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) (string, int, bool) {
	command := program.Commands[0].Name
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
		known := slices.ContainsFunc(program.Commands, func(c Command) bool { return c.Name == command })
		if !known {
			fmt.Fprintf(stderr, "%s: there is no command %q; --help lists them\n", program.Name, command)
			return "", ExitUsage, false
		}
	}
	code, proceed := load(into, program, args, lookup, stdout, stderr)
	return command, code, proceed
}

func load(into any, program Program, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) (int, bool) {
	var mistakes *Mistakes
	settings, err := resolve(into, args, lookup)
	switch {
	case err == nil:
		return 0, true
	case errors.Is(err, ErrPrint):
		fmt.Fprint(stdout, listing(settings))
		return 0, false
	case errors.Is(err, ErrHelp):
		fmt.Fprint(stdout, Usage(into, program))
		return 0, false
	case errors.Is(err, ErrVersion):
		fmt.Fprint(stdout, buildinfo.Read(program.Name, program.Version, program.Schema))
		return 0, false
	case errors.As(err, &mistakes):
		fmt.Fprint(stdout, listing(settings))
		for _, line := range mistakes.Lines {
			fmt.Fprintf(stderr, "%s: %s\n", program.Name, line)
		}
		return ExitUsage, false
	default:
		fmt.Fprintf(stderr, "%s: %v\n", program.Name, err)
		return ExitUsage, false
	}
}

var (
	// ErrHelp is returned by Parse when the arguments hold --help.
	ErrHelp = errors.New("help was asked for")
	// ErrVersion is returned by Parse when the arguments hold --version.
	ErrVersion = errors.New("the version was asked for")
	// ErrPrint is returned by Parse when the arguments hold --print-config and
	// nothing is wrong with the configuration. Load prints the configuration also
	// when something is.
	ErrPrint = errors.New("the configuration was asked for")
)

// Mistakes is returned by Parse when values are missing or wrong. It holds all
// of them, so that they can be mended in one go, and nothing secret.
type Mistakes struct {
	// Lines holds one line per mistake.
	Lines []string
}

// Error returns all lines.
func (m *Mistakes) Error() string { return strings.Join(m.Lines, "\n") }

// Parse fills the struct that into points at. A variable that is set to
// nothing counts as not set, because that is what an unset substitution in a
// manifest leaves. The error is ErrHelp, ErrVersion, ErrPrint or a *Mistakes.
func Parse(into any, args []string, lookup func(string) (string, bool)) error {
	_, err := resolve(into, args, lookup)
	return err
}

// resolve does what Parse does and says where each value came from. Beside
// mistakes it returns settings only when these were asked for.
func resolve(into any, args []string, lookup func(string) (string, bool)) ([]setting, error) {
	settings := settingsOf(into)
	flags, mistakes, err := parseArgs(settings, args)
	if err != nil {
		return nil, err
	}
	for i := range settings {
		s := &settings[i]
		if s.origin = "default"; s.fallback == "" {
			s.origin = "not set"
		}
		shown := s.name
		s.held = s.fallback
		if value, ok := lookup(s.name); ok && value != "" && !s.option {
			s.held, s.origin = value, "environment"
		}
		if value, ok := flags[s.flag()]; ok {
			shown = "--" + s.flag()
			s.held, s.origin = value, "flag"
		}
		switch {
		case s.held == "" && s.required:
			mistakes = append(mistakes, fmt.Sprintf("%s is not set; it takes %s", s.name, s.takes()))
		case s.held == "":
			// The zero value stands for "not set".
		default:
			if err := s.set(s.held); err != nil {
				mistakes = append(mistakes, fmt.Sprintf("%s is %s; it takes %s", shown, s.quote(s.held), s.takes()))
			}
		}
	}
	_, printing := flags[printFlag]
	switch {
	case len(mistakes) > 0 && printing:
		return settings, &Mistakes{Lines: mistakes}
	case len(mistakes) > 0:
		return nil, &Mistakes{Lines: mistakes}
	case printing:
		return settings, ErrPrint
	}
	return settings, nil
}

// printFlag cannot be the name of a variable.
const printFlag = "--print-config"

// parseArgs reads --name=value, --name value and, for a bool, --name alone.
func parseArgs(settings []setting, args []string) (values map[string]string, mistakes []string, err error) {
	byFlag := map[string]setting{}
	for _, s := range settings {
		byFlag[s.flag()] = s
	}
	values = map[string]string{}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch arg {
		case "--help", "-h", "-help":
			return nil, nil, ErrHelp
		case "--version":
			return nil, nil, ErrVersion
		case printFlag:
			values[printFlag] = ""
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		s, known := byFlag[name]
		if !strings.HasPrefix(arg, "--") || !known {
			// Not the value: it may be a secret behind a misspelt name.
			shown, _, _ := strings.Cut(arg, "=")
			if !strings.HasPrefix(arg, "-") {
				shown = "an argument without a flag"
			}
			mistakes = append(mistakes, fmt.Sprintf("%s is not known; --help lists the flags", shown))
			continue
		}
		switch {
		case hasValue:
		case s.isBool():
			value = "true"
		case len(args) == 0:
			mistakes = append(mistakes, fmt.Sprintf("--%s has no value; it takes %s", name, s.takes()))
			continue
		default:
			value, args = args[0], args[1:]
		}
		values[s.flag()] = value
	}
	return values, mistakes, nil
}

// settingsOf lists the fields of the struct that into points at.
func settingsOf(into any) []setting {
	value := reflect.ValueOf(into)
	if value.Kind() != reflect.Pointer || value.Elem().Kind() != reflect.Struct {
		panic("config: not a pointer to a struct")
	}
	return appendSettings(nil, value.Elem())
}

func appendSettings(settings []setting, value reflect.Value) []setting {
	for i := range value.NumField() {
		field := value.Type().Field(i)
		name := field.Tag.Get("config")
		if name == "" && field.Type.Kind() == reflect.Struct {
			settings = appendSettings(settings, value.Field(i))
			continue
		}
		settings = append(settings, newSetting(name, field, value.Field(i)))
	}
	return settings
}
