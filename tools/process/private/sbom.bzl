"""What an image is built from, and how: a bill of materials, and statements to sign."""

load("//tools/launch:defs.bzl", "launch")

def _sbom_impl(ctx):
    image = ctx.attr.image[DefaultInfo]
    folder = ctx.file.image
    output = ctx.actions.declare_file(ctx.label.name + ".spdx.json")
    args = ctx.actions.args()

    # A folder given as a file keeps its name.
    args.add_all([folder], before_each = "--layout", expand_directories = False)
    args.add("--name", ctx.attr.image_name)
    args.add("--output", output)
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        # The blobs may be links to the layers.
        inputs = depset([folder], transitive = [image.default_runfiles.files]),
        outputs = [output],
        mnemonic = "ImageSbom",
        progress_message = "Listing what %{label} is about",
    )
    return [DefaultInfo(files = depset([output]))]

_sbom = rule(
    implementation = _sbom_impl,
    attrs = {
        "image": attr.label(allow_single_file = True, mandatory = True),
        "image_name": attr.string(mandatory = True, doc = "The last part of the image's repository."),
        "_tool": attr.label(cfg = "exec", default = "//tools/process/sbom", executable = True),
    },
    doc = "An SPDX document of what the Go program in an image is built from.",
)

def process_sbom(name, image, image_name, visibility = None):
    """The bill of materials of an image, and `:attest`, which makes statements about the image to sign.

    Args:
      name: the bill's target.
      image: the name of the image's target.
      image_name: the last part of the image's repository.
      visibility: who may use the bill of materials.
    """
    _sbom(
        name = name,
        image = ":" + image,
        image_name = image_name,
        tags = ["manual"],
        visibility = visibility,
    )
    launch(
        name = "attest",
        args = [
            "--layout=$(rootpath :%s)" % image,
            "--name=" + image_name,
            "--target=//%s:%s" % (native.package_name(), image),
            "--sbom=$(rootpath :%s)" % name,
        ],
        data = [
            ":" + image,
            ":" + name,
        ],
        tags = ["manual"],
        tool = "//tools/process/attest",
    )
