"""ProtoInfo as Bazel 7 has it built in."""

load("//bazel/private:builtin.bzl", "BuiltinProtoInfo")

ProtoInfo = BuiltinProtoInfo
