// Package settings asks a process's own binary what it is and how it would be
// set, so that a manifest cannot say anything else.
package settings

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings is what a binary answered.
type Settings struct {
	// Version is that of the service.
	Version string
	// Schema is the schema version that the process needs or brings; 0 for none.
	Schema int64

	values map[string]string
}

const (
	// timeout bounds one answer of the binary.
	timeout = 30 * time.Second
	// hidden is what the binary prints for a secret.
	hidden = "(redacted)"
	// usage is the exit code of a binary whose configuration is wrong.
	usage = 2
)

// Read runs the binary with these variables, and with secrets to come. It fails
// when the binary would not start with them, when it knows no such variable, or
// when a secret is not in secrets.
func Read(ctx context.Context, binary string, env map[string]string, secrets []string) (Settings, error) {
	var s Settings
	if err := s.readVersion(ctx, binary); err != nil {
		return Settings{}, err
	}
	out, mistakes, err := run(ctx, binary, env, "--print-config")
	if err != nil {
		return Settings{}, err
	}
	s.values = map[string]string{}
	for line := range strings.Lines(out) {
		setting, _, _ := strings.Cut(strings.TrimSpace(line), " # ")
		name, value, _ := strings.Cut(setting, "=")
		s.values[name] = value
	}
	if err := checkMistakes(mistakes, secrets); err != nil {
		return Settings{}, err
	}
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(env)), secrets) {
		if _, known := s.values[name]; !known && !ofGo(name) {
			return Settings{}, fmt.Errorf("%s is not a setting of this process; it has %s", name,
				strings.Join(slices.Sorted(maps.Keys(s.values)), ", "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if s.values[name] == hidden {
			return Settings{}, fmt.Errorf("%s is secret: name the Secret that holds it in secrets, not a value in env", name)
		}
	}
	return s, nil
}

// ofGo tells whether Go itself reads a variable.
func ofGo(name string) bool { return name == "GOMEMLIMIT" || name == "GOMAXPROCS" || name == "GODEBUG" }

// checkMistakes forgives that secrets are not set: they are in the cluster alone.
func checkMistakes(mistakes string, secrets []string) error {
	for line := range strings.Lines(mistakes) {
		_, message, _ := strings.Cut(strings.TrimSpace(line), ": ")
		name, isMissing := strings.CutSuffix(message[:max(strings.Index(message, ";"), 0)], " is not set")
		switch {
		case isMissing && slices.Contains(secrets, name):
		case isMissing:
			return fmt.Errorf("the process would not start: %s: set it in env, or name the Secret that holds it in secrets", message)
		default:
			return fmt.Errorf("the process would not start: %s", message)
		}
	}
	return nil
}

func (s *Settings) readVersion(ctx context.Context, binary string) error {
	out, mistakes, err := run(ctx, binary, nil, "--version")
	if err != nil || mistakes != "" {
		return fmt.Errorf("asking %s for its version: %w: %s", binary, err, mistakes)
	}
	first, rest, _ := strings.Cut(out, "\n")
	_, s.Version, _ = strings.Cut(first, " ")
	for line := range strings.Lines(rest) {
		if number, found := strings.CutPrefix(strings.TrimSpace(line), "schema "); found {
			if s.Schema, err = strconv.ParseInt(number, 10, 64); err != nil {
				return fmt.Errorf("%s says that its schema is %q", binary, number)
			}
		}
	}
	return nil
}

// run returns what the binary printed, and what it printed about mistakes when it
// exited for them.
func run(ctx context.Context, binary string, env map[string]string, arg string) (out, mistakes string, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	command := exec.CommandContext(ctx, binary, arg)
	command.Env = []string{}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		command.Env = append(command.Env, name+"="+env[name])
	}
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err = command.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return stdout.String(), "", nil
	case errors.As(err, &exit) && exit.ExitCode() == usage:
		return stdout.String(), stderr.String(), nil
	}
	return "", "", fmt.Errorf("running %s %s: %w: %s", binary, arg, err, stderr.String())
}

// Duration returns a setting that is one.
func (s Settings) Duration(name string) (time.Duration, error) {
	duration, err := time.ParseDuration(s.values[name])
	if err != nil {
		return 0, fmt.Errorf("the process has no duration %s: it is %q", name, s.values[name])
	}
	return duration, nil
}

// Port returns the port of a setting that is an address, which must be one that
// others can reach.
func (s Settings) Port(name string) (int32, error) {
	host, port, err := net.SplitHostPort(s.values[name])
	if err != nil {
		return 0, fmt.Errorf("the process has no address %s: it is %q", name, s.values[name])
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil || number < 1 || number > 65535 {
		return 0, fmt.Errorf("%s is %q: a manifest needs a fixed port", name, s.values[name])
	}
	if number < 1024 {
		return 0, fmt.Errorf("%s is %q: only root can listen on a port under 1024", name, s.values[name])
	}
	if host != "" {
		return 0, fmt.Errorf("%s is %q: leave the host out, or nobody outside the pod gets in", name, s.values[name])
	}
	return int32(number), nil
}
