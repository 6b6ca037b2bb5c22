"""The digest of an image as a file."""

load(":tool.bzl", "TOOL_ATTRS")

def _digest_impl(ctx):
    args = ctx.actions.args()
    args.add("digest")
    args.add(ctx.file.image.path, format = "--image=%s")
    args.add(ctx.outputs.out, format = "--output=%s")
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        inputs = [ctx.file.image],
        outputs = [ctx.outputs.out],
        mnemonic = "OCIDigest",
        progress_message = "OCI Digest %{label}",
    )
    return [DefaultInfo(files = depset([ctx.outputs.out]))]

_digest = rule(
    implementation = _digest_impl,
    attrs = {
        "image": attr.label(allow_single_file = True, mandatory = True),
        "out": attr.output(mandatory = True),
    } | TOOL_ATTRS,
)

def digest(name, common):
    """Makes the target <name>.digest of an image.

    Args:
      name: the name of the image target.
      common: the attributes of the new target.
    """
    _digest(
        name = name + ".digest",
        image = name,
        out = name + ".json.sha256",
        **common
    )
