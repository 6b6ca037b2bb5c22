"""An image made from layers alone."""

load(":attributes.bzl", "common_attributes", "pairs_file", "set_file", "words_file")
load(":digest.bzl", "digest")
load(":tool.bzl", "TOOL_ATTRS")

_LAYER_EXTENSIONS = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst"]

# Attributes that are files; each is a flag of the same name, with dashes, of the program.
_FILES = [
    "created",
    "entrypoint",
    "cmd",
    "exposed_ports",
    "volumes",
    "env",
    "labels",
    "annotations",
]

def _oci_image_impl(ctx):
    output = ctx.actions.declare_directory(ctx.label.name)
    inputs = list(ctx.files.tars)

    args = ctx.actions.args()
    args.add("image")
    args.add(output.path, format = "--output=%s")
    args.add(ctx.attr.os, format = "--os=%s")
    args.add(ctx.attr.architecture, format = "--architecture=%s")
    if ctx.attr.variant:
        args.add(ctx.attr.variant, format = "--variant=%s")
    if ctx.attr.user:
        args.add(ctx.attr.user, format = "--user=%s")
    if ctx.attr.workdir:
        args.add(ctx.attr.workdir, format = "--workdir=%s")
    for name in _FILES:
        file = getattr(ctx.file, name)
        if file:
            args.add(file, format = "--" + name.replace("_", "-") + "=%s")
            inputs.append(file)
    for tar in ctx.files.tars:
        args.add("--layer", tar)

        # Bazel prints the label here, as it does for the real rules, because it ends up in the image's history.
        args.add("--layer-label", tar.owner)

    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        inputs = inputs,
        outputs = [output],
        mnemonic = "OCIImage",
        progress_message = "OCI Image %{label}",
    )
    return [DefaultInfo(
        files = depset([output]),
        runfiles = ctx.runfiles(files = ctx.files.tars),
    )]

_oci_image = rule(
    implementation = _oci_image_impl,
    attrs = {
        "architecture": attr.string(mandatory = True),
        "os": attr.string(mandatory = True),
        "tars": attr.label_list(allow_files = _LAYER_EXTENSIONS),
        "user": attr.string(),
        "variant": attr.string(),
        "workdir": attr.string(),
    } | {
        name: attr.label(allow_single_file = True)
        for name in _FILES
    } | TOOL_ATTRS,
)

def oci_image(
        name,
        created = None,
        labels = None,
        annotations = None,
        env = None,
        cmd = None,
        entrypoint = None,
        exposed_ports = None,
        volumes = None,
        **kwargs):
    """Makes the OCI layout of an image, and its digest as the target <name>.digest.

    Args:
      name: the name of the target.
      created: a file with the time of creation; the epoch if there is none.
      labels: a dictionary, or a file of key=value lines.
      annotations: a dictionary, or a file of key=value lines; they go into the manifest.
      env: a dictionary, or a file of key=value lines; a value may name an earlier key as $KEY.
      cmd: a list of words, or a file with one a line.
      entrypoint: a list of words, or a file with one a line.
      exposed_ports: a list of ports, or a file with commas between them.
      volumes: a list of paths, or a file with commas between them.
      **kwargs: os, architecture, variant, tars (in the order of the layers), user, workdir, and what every rule takes.
    """
    if kwargs.pop("base", None):
        fail("oci_image {}: the air-gapped rules_oci builds images from scratch only; leave base out, or build with the public Bazel registry (SOKETSUGO_AIRGAP=0)".format(name))
    common = common_attributes(kwargs)
    _oci_image(
        name = name,
        created = created,
        labels = pairs_file(name, "labels", labels, common),
        annotations = pairs_file(name, "annotations", annotations, common),
        env = pairs_file(name, "env", env, common),
        cmd = words_file(name, "cmd", cmd, common),
        entrypoint = words_file(name, "entrypoint", entrypoint, common),
        exposed_ports = set_file(name, "exposed_ports", exposed_ports, common),
        volumes = set_file(name, "volumes", volumes, common),
        **kwargs
    )
    digest(name, common)
