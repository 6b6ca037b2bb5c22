package migration

import (
	"context"
	"errors"

	"github.com/soketsugo/soketsugo/libs/migration/history"
)

// An Exit is a code that a migrate process exits with. The Job's
// podFailurePolicy and docs/migrations.md are made from the same table, Exits.
type Exit struct {
	Code    int
	Meaning string
	// Remedy says what an operator does about it.
	Remedy string
	// Retry says whether running the same binary again can help.
	Retry bool
}

// Exit codes of a migrate process.
const (
	ExitOK            = 0
	ExitConfiguration = 2
	ExitUnreachable   = 3
	ExitLocked        = 4
	ExitFailed        = 5
	ExitHistory       = 6
	ExitInterrupted   = 7
)

// Exits returns all exit codes with what they mean.
func Exits() []Exit {
	return []Exit{
		{ExitOK, "done, or nothing to do", "nothing", false},
		{ExitConfiguration, "a setting is wrong, or the database refuses the user", "mend what the message names", false},
		{ExitUnreachable, "the database was not reachable in time, or could only be read", "see whether it runs, can be reached and is no standby; run again", true},
		{ExitLocked, "a lock was not obtained in time", "end what the log names as its holder, or wait for it; run again", true},
		{ExitFailed, "a migration failed; those before it are kept, of itself nothing", "mend the migration in a new release", false},
		{ExitHistory, "the history in the database does not match the binary", "do what the message says; nothing was changed", false},
		{ExitInterrupted, "interrupted by a signal", "run again; that is safe", true},
	}
}

var (
	// ErrConfiguration: the settings or the files cannot work.
	ErrConfiguration = errors.New("the configuration cannot work")
	// ErrUnreachable: the database did not answer in time, or could only be read.
	ErrUnreachable = errors.New("the database did not answer in time")
	// ErrLocked: another session held a lock for too long.
	ErrLocked = errors.New("a lock was not obtained in time")
	// ErrBehind is returned by Verify: the database lacks migrations.
	ErrBehind = errors.New("the database lacks migrations")
)

// ExitCode returns the exit code for an error of this package.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.Is(err, ErrConfiguration):
		return ExitConfiguration
	case errors.Is(err, ErrUnreachable):
		return ExitUnreachable
	case errors.Is(err, ErrLocked):
		return ExitLocked
	case errors.Is(err, history.ErrMismatch), errors.Is(err, ErrBehind):
		return ExitHistory
	default:
		return ExitFailed
	}
}
