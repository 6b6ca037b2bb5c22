"""One image for several platforms."""

load(":attributes.bzl", "common_attributes")
load(":digest.bzl", "digest")
load(":tool.bzl", "TOOL_ATTRS")

def _platforms_impl(_settings, attr):
    return [
        {"//command_line_option:platforms": str(platform)}
        for platform in attr.platforms
    ]

_platforms = transition(
    implementation = _platforms_impl,
    inputs = [],
    outputs = ["//command_line_option:platforms"],
)

def _oci_image_index_impl(ctx):
    if ctx.attr.platforms and len(ctx.attr.images) != len(ctx.attr.platforms):
        fail("platforms needs exactly one image, which is built once for each of them")
    output = ctx.actions.declare_directory(ctx.label.name)

    args = ctx.actions.args()
    args.add("index")
    args.add(output.path, format = "--output=%s")
    args.add_all(ctx.files.images, format_each = "--image=%s", expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        inputs = ctx.files.images,
        outputs = [output],
        mnemonic = "OCIIndex",
        progress_message = "OCI Index %{label}",
    )
    return [DefaultInfo(files = depset([output]))]

_oci_image_index = rule(
    implementation = _oci_image_index_impl,
    attrs = {
        "images": attr.label_list(mandatory = True, cfg = _platforms),
        "platforms": attr.label_list(providers = [platform_common.PlatformInfo]),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    } | TOOL_ATTRS,
)

def oci_image_index(name, **kwargs):
    """Makes the OCI layout of an image index, and its digest as the target <name>.digest.

    Args:
      name: the name of the target.
      **kwargs: images, platforms (then one image, built for each), and what every rule takes.
    """
    _oci_image_index(name = name, **kwargs)
    digest(name, common_attributes(kwargs))
