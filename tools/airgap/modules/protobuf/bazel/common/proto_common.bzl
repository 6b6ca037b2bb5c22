"""proto_common as Bazel 7 has it built in."""

proto_common = proto_common_do_not_use
