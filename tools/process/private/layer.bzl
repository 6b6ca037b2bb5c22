"""The layers of a process's image: certificate authorities, the same for all, and the binary."""

ARCHITECTURES = ["amd64", "arm64"]

_PLATFORMS = "//command_line_option:platforms"

def _image_platform_impl(settings, attr):
    # Where the build is for the image's platform already, nothing is set: the binary in the image is then the one
    # that everything else uses, compiled once.
    if attr.is_target_platform:
        return {_PLATFORMS: settings[_PLATFORMS]}
    return {_PLATFORMS: [str(Label("//tools/platforms:linux_" + attr.architecture))]}

_image_platform = transition(
    implementation = _image_platform_impl,
    inputs = [_PLATFORMS],
    outputs = [_PLATFORMS],
)

_LAYER_TOOL = {
    "_layer": attr.label(
        cfg = "exec",
        default = "//tools/process/layer",
        executable = True,
    ),
}

def _certificates_layer_impl(ctx):
    layer = ctx.actions.declare_file(ctx.label.name + ".tar.zst")
    args = ctx.actions.args()
    args.add("--output", layer)
    args.add("--ca-certificates")
    ctx.actions.run(
        executable = ctx.executable._layer,
        arguments = [args],
        outputs = [layer],
        mnemonic = "ImageLayer",
        progress_message = "Packing %{label}",
    )
    return [DefaultInfo(files = depset([layer]))]

certificates_layer = rule(
    implementation = _certificates_layer_impl,
    attrs = _LAYER_TOOL,
    doc = "A compressed layer with the certificate authorities of Mozilla, where Go and OpenSSL look for them.",
)

def _image_layer_impl(ctx):
    binary = ctx.attr.binary[0][DefaultInfo].files_to_run.executable
    if not binary:
        fail("binary = %s: take a target that `bazel run` could run" % ctx.attr.binary[0].label)
    layer = ctx.actions.declare_file(ctx.label.name + ".tar.zst")
    args = ctx.actions.args()
    args.add("--output", layer)
    args.add("--executable", binary, format = ctx.attr.path + "=%s")
    ctx.actions.run(
        executable = ctx.executable._layer,
        arguments = [args],
        inputs = [binary],
        outputs = [layer],
        mnemonic = "ImageLayer",
        progress_message = "Packing %{label}",
    )
    return [DefaultInfo(files = depset([layer]))]

_image_layer = rule(
    implementation = _image_layer_impl,
    attrs = {
        "architecture": attr.string(mandatory = True, values = ARCHITECTURES),
        "binary": attr.label(mandatory = True, cfg = _image_platform),
        "is_target_platform": attr.bool(mandatory = True),
        "path": attr.string(mandatory = True, doc = "The binary's absolute path in the image."),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    } | _LAYER_TOOL,
    doc = "A compressed layer with one executable, the same bytes wherever and whenever it is made.",
)

def image_layer(name, architecture, **kwargs):
    """A layer that holds a binary built for Linux on the given architecture.

    Args:
      name: the target's name.
      architecture: one of ARCHITECTURES.
      **kwargs: binary, path, and what every rule takes.
    """
    _image_layer(
        name = name,
        architecture = architecture,
        is_target_platform = select({
            Label("//tools/platforms:is_linux_" + architecture): True,
            "//conditions:default": False,
        }),
        **kwargs
    )
