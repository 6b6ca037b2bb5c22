package postgrestest

import (
	"fmt"
	"os"
	osuser "os/user"
	"strconv"
	"syscall"
)

// user is a way to run PostgreSQL as somebody who is not root.
type user struct {
	name       string
	attributes func() *syscall.SysProcAttr
	// own gives a folder to the user.
	own func(path string) error
}

// users returns the ways to try, the best first.
func users() []user {
	keep := func(string) error { return nil }
	if os.Geteuid() != 0 {
		return []user{{name: "as the present user", attributes: dieWithParent, own: keep}}
	}
	return []user{
		{name: "in a user namespace", attributes: inNamespace, own: keep},
		{name: "as nobody", attributes: func() *syscall.SysProcAttr {
			attributes := dieWithParent()
			if uid, gid, err := nobody(); err == nil {
				attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: true}
			}
			return attributes
		}, own: func(path string) error {
			uid, gid, err := nobody()
			if err != nil {
				return err
			}
			return os.Chown(path, uid, gid)
		}},
	}
}

func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT, Setpgid: true}
}

// inNamespace makes root look like an ordinary user to the child. It works in
// sandboxes where changing to another user does not, and the files stay ours.
func inNamespace() *syscall.SysProcAttr {
	const ordinary = 1000
	attributes := dieWithParent()
	attributes.Cloneflags = syscall.CLONE_NEWUSER
	attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: ordinary, HostID: os.Geteuid(), Size: 1}}
	attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: ordinary, HostID: os.Getegid(), Size: 1}}
	return attributes
}

func nobody() (uid, gid int, err error) {
	found, err := osuser.Lookup("nobody")
	if err != nil {
		return 0, 0, fmt.Errorf("looking nobody up: %w", err)
	}
	if uid, err = strconv.Atoi(found.Uid); err != nil {
		return 0, 0, fmt.Errorf("reading nobody's user id: %w", err)
	}
	if gid, err = strconv.Atoi(found.Gid); err != nil {
		return 0, 0, fmt.Errorf("reading nobody's group id: %w", err)
	}
	return uid, gid, nil
}
