"""Bazel 7's built-in symbols under names that another file can rename back."""

BuiltinProtoInfo = ProtoInfo
