#!/bin/sh
# Without Bazel, the go command builds and tests everything: go_command_test.sh GO FILE, where GO is the go command of
# the build and FILE a file at the top of the checkout.
set -eu

go=$(readlink -f "$1")
cd "$(dirname "$(readlink -f "$2")")"
# -trimpath makes what is compiled the same in every folder, so that the user's cache serves all checkouts.
# Without optimization, inlining, what debuggers read and much collecting of garbage everything is compiled in half the time.
export GOTOOLCHAIN=local GOWORK=off GOFLAGS="${GOFLAGS:-} -buildvcs=false -trimpath '-gcflags=all=-N -l -dwarf=false -d=gcstart=512'" PATH="$(dirname "$go"):$PATH"
go build ./...
go build -tags sqlite ./services/playbook/...
# -short leaves out what takes long and is the same under Bazel, which runs it anyway; so it is with vet, which nogo
# has.
go test -short -vet=off ./...
