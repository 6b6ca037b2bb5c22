// Command freeze stops all processes of a name with SIGSTOP, in a pod that sees those of its node: it makes a process
// hang as none does by itself.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:])) }

// run takes the pod's UID, which the names of a container's cgroups have in them, and the name of the process.
func run(args []string) int {
	if len(args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: freeze UID NAME")
		return 2
	}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	frozen := 0
	for _, folder := range folders {
		name, groups := read(folder, "comm"), read(folder, "cgroup")
		// systemd's names have underscores.
		if strings.TrimSpace(name) != args[1] || !strings.Contains(strings.ReplaceAll(groups, "_", "-"), args[0]) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGSTOP)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "stopping %s: %v\n", folder, err)
			return 1
		}
		frozen++
	}
	if frozen == 0 {
		fmt.Fprintf(os.Stderr, "there is no %s of pod %s\n", args[1], args[0])
		return 1
	}
	fmt.Printf("stopped %d\n", frozen)
	return 0
}

// read returns a file of a process; nothing if the process has ended.
func read(folder, name string) string {
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return ""
	}
	return string(content)
}
