"""An image's labels."""

def _image_labels_impl(ctx):
    labels = ctx.actions.declare_file(ctx.label.name + ".txt")
    args = ctx.actions.args()
    args.add(ctx.file.version)
    args.add(labels)
    args.add_all(["%s=%s" % item for item in ctx.attr.labels.items()])
    ctx.actions.run_shell(
        command = """
            version=$1 labels=$2
            shift 2
            { printf '%s\\n' "$@"; printf 'org.opencontainers.image.version=%s\\n' "$(cat "$version")"; } >"$labels"
        """,
        arguments = [args],
        inputs = [ctx.file.version],
        outputs = [labels],
        mnemonic = "ImageLabels",
    )
    return [DefaultInfo(files = depset([labels]))]

image_labels = rule(
    implementation = _image_labels_impl,
    attrs = {
        "labels": attr.string_dict(mandatory = True),
        "version": attr.label(
            allow_single_file = True,
            mandatory = True,
            doc = "A file that holds the version and nothing else.",
        ),
    },
    doc = "The labels of an image, one KEY=VALUE a line; the version comes from a file.",
)
