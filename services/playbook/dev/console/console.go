// Package console prints the logs of several processes to one terminal.
package console

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/soketsugo/soketsugo/libs/child"
)

// Console writes whole lines, so that those of several processes do not mix.
// It is safe for concurrent use.
type Console struct {
	mu     sync.Mutex
	w      io.Writer
	colour bool
}

// New returns a console on w.
func New(w io.Writer, colour bool) *Console { return &Console{w: w, colour: colour} }

// WantsColour says whether output to a file should be coloured: it is a
// terminal, and the user did not switch colours off (https://no-color.org).
func WantsColour(file *os.File, lookup func(string) (string, bool)) bool {
	if value, ok := lookup("NO_COLOR"); ok && value != "" {
		return false
	}
	if value, _ := lookup("TERM"); value == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// ANSI colours; each process has one of its own.
const (
	reset  = "\x1b[0m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
)

var colours = map[string]string{
	"migrate": "\x1b[35m",
	"grpc":    "\x1b[36m",
	"rest":    "\x1b[32m",
	"dev":     "\x1b[1m",
}

// Say prints a line of the launcher's own.
func (c *Console) Say(format string, args ...any) {
	c.print("dev", fmt.Sprintf(format, args...), "")
}

// Log prints a line of a process's log behind its name.
func (c *Console) Log(name string, line child.Line) {
	colour := ""
	text := line.Text()
	switch line.Level {
	case "DEBUG":
		colour = dim
	case "WARN":
		colour, text = yellow, "WARN "+text
	case "ERROR":
		colour, text = red, "ERROR "+text
	}
	c.print(name, text, colour)
}

func (c *Console) print(name, text, colour string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	prefix := fmt.Sprintf("%-7s |", name)
	if c.colour {
		prefix = colours[name] + prefix + reset
		if colour != "" {
			text = colour + text + reset
		}
	}
	// A terminal that is gone cannot be told so.
	_, _ = fmt.Fprintf(c.w, "%s %s\n", prefix, text)
}
