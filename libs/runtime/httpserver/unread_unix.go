//go:build unix

package httpserver

import (
	"net"
	"syscall"
)

// hasUnread says whether bytes, or the end of the stream, have arrived that
// nobody has read.
func hasUnread(conn net.Conn) bool {
	system, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := system.SyscallConn()
	if err != nil {
		return false
	}
	unread := false
	// An error of Control means that the connection is closed.
	_ = raw.Control(func(fd uintptr) {
		var peeked [1]byte
		count, _, err := syscall.Recvfrom(int(fd), peeked[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		unread = err == nil && count > 0
	})
	return unread
}
