#!/bin/sh
# A layering test fails where a package is linked through another one, and prints the chain.
set -eu

expect() { # expect TEST REASON
  if output=$("$1" 2>&1); then
    echo "$1 passed, though the chain breaks its rule" >&2
    exit 1
  fi
  want="$2
    github.com/soketsugo/soketsugo/tools/deps/testdata/top
    imports github.com/soketsugo/soketsugo/tools/deps/testdata/middle
    imports github.com/soketsugo/soketsugo/tools/deps/testdata/bottom"
  case $output in
  *"$want"*) ;;
  *)
    printf '%s printed:\n%s\nand should have printed:\n%s\n' "$1" "$output" "$want" >&2
    exit 1
    ;;
  esac
}

expect "$1" "must not link github.com/soketsugo/soketsugo/tools/deps/testdata/bottom: it is at the bottom"
expect "$2" "must link nothing but the standard library and github.com/soketsugo/soketsugo/tools/deps/testdata/middle"
