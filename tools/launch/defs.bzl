"""Runs a tool with fixed arguments, by `bazel run` or `bazel test`."""

_ATTRS = {
    "data": attr.label_list(
        allow_files = True,
        doc = "What the arguments refer to.",
    ),
    "tool": attr.label(
        cfg = "target",
        executable = True,
        mandatory = True,
    ),
}

def _launch_impl(ctx):
    launcher = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = launcher,
        target_file = ctx.executable.tool,
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = ctx.files.data)
    runfiles = runfiles.merge_all([
        target[DefaultInfo].default_runfiles
        for target in ctx.attr.data + [ctx.attr.tool]
    ])
    return [DefaultInfo(executable = launcher, runfiles = runfiles)]

launch = rule(
    implementation = _launch_impl,
    attrs = _ATTRS,
    executable = True,
    doc = "The tool under another name. Its arguments are those of the attribute `args`, then the caller's.",
)

launch_test = rule(
    implementation = _launch_impl,
    attrs = _ATTRS,
    test = True,
    doc = "The tool as a test, with the arguments of the attribute `args`.",
)
