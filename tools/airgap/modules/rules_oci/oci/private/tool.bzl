"""The program behind the rules."""

# The program lives in the repository that uses the stand-in, beside the other Go code: a module cannot share
# that repository's go.mod.
TOOL_ATTRS = {
    "_tool": attr.label(
        default = Label("@@//tools/airgap/oci"),
        executable = True,
        cfg = "exec",
    ),
}
