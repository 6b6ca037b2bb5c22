package target

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
)

// Pinning keeps the client on one CPU and the servers on another, so that
// neither takes time from the other. The zero Pinning does nothing.
type Pinning struct{ taskset string }

// The CPUs, as taskset numbers them.
const (
	clientCPU = "0"
	serverCPU = "1"
)

// Pin pins the client until release is called, and the servers that are started
// with the Pinning. It needs two CPUs and taskset, and does nothing without
// them.
func Pin() (pin Pinning, release func()) {
	before := runtime.GOMAXPROCS(1)
	unpin := func() { runtime.GOMAXPROCS(before) }
	path, err := exec.LookPath("taskset")
	if err != nil || runtime.NumCPU() < 2 {
		return Pinning{}, unpin
	}
	set := func(cpus string) error {
		return exec.Command(path, "-a", "-c", "-p", cpus, strconv.Itoa(os.Getpid())).Run()
	}
	if set(clientCPU) != nil {
		return Pinning{}, unpin
	}
	return Pinning{taskset: path}, func() {
		_ = set(fmt.Sprintf("0-%d", runtime.NumCPU()-1)) // what worked a moment ago
		unpin()
	}
}

// String says what is pinned.
func (p Pinning) String() string {
	if p.taskset == "" {
		return "not pinned"
	}
	return "client on CPU " + clientCPU + ", server on CPU " + serverCPU
}

// server returns how to run a binary on the servers' CPU.
func (p Pinning) server(binary string) (path string, args []string) {
	if p.taskset == "" {
		return binary, nil
	}
	return p.taskset, []string{"-c", serverCPU, binary}
}
