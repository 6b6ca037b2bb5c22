//go:build !linux

package postgrestest

import "syscall"

// user is a way to run PostgreSQL as somebody who is not root.
type user struct {
	name       string
	attributes func() *syscall.SysProcAttr
	// own gives a folder to the user.
	own func(path string) error
}

// users returns the ways to try. Only Linux has one for root.
func users() []user {
	return []user{{
		name:       "as the present user",
		attributes: func() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} },
		own:        func(string) error { return nil },
	}}
}
