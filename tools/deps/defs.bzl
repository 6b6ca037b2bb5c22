"""Tests of the architecture: what a Go library or binary may link, directly or through others."""

load("//tools/deps/private:layering.bzl", _layering_test = "layering_test")

layering_test = _layering_test
