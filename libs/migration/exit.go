package migration

import (
	"context"
	"errors"
)

// Exit codes of a migrate process. The Job's podFailurePolicy and the
// documentation know the same numbers.
const (
	// ExitOK: the schema is up to date.
	ExitOK = 0
	// ExitConfiguration: a setting is wrong; running again does not help.
	ExitConfiguration = 2
	// ExitUnreachable: the database did not answer in time.
	ExitUnreachable = 3
	// ExitLocked: another migration held the lock for too long.
	ExitLocked = 4
	// ExitFailed: a migration failed; those before it are kept.
	ExitFailed = 5
	// ExitInterrupted: a signal arrived; running again is safe.
	ExitInterrupted = 7
)

var (
	// ErrConfiguration is returned by Up when its options cannot work.
	ErrConfiguration = errors.New("the configuration cannot work")
	// ErrUnreachable is returned by Up when the database did not answer in time.
	ErrUnreachable = errors.New("the database did not answer in time")
	// ErrLocked is returned by Up when another runner held the lock for too long.
	ErrLocked = errors.New("another migration holds the lock")
)

// ExitCode returns the exit code for what Up returned.
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
	default:
		return ExitFailed
	}
}
