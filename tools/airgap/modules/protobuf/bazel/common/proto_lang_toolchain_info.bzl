"""ProtoLangToolchainInfo as Bazel 7 has it built in."""

ProtoLangToolchainInfo = proto_common_do_not_use.ProtoLangToolchainInfo
