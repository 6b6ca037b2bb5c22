package child

import "syscall"

// attributes puts the child into a process group of its own, so that Ctrl-C
// reaches the parent alone and the parent decides on the order, and makes the
// kernel kill it when the parent is gone.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
