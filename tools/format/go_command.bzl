"""The go command that the build uses, as a file."""

def _go_command_impl(ctx):
    go = ctx.toolchains["@rules_go//go:toolchain"].sdk.go
    return [DefaultInfo(
        files = depset([go]),
        runfiles = ctx.runfiles([go]),
    )]

go_command = rule(
    implementation = _go_command_impl,
    doc = """The go command of the Go SDK. Its real path is beside the rest of the SDK, which is no runfile.""",
    toolchains = ["@rules_go//go:toolchain"],
)
