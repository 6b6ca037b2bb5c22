"""The rule that gazelle writes into each Go module's repository."""

load("//providers:package_metadata_info.bzl", "PackageMetadataInfo")

def _package_metadata_impl(ctx):
    metadata = ctx.actions.declare_file(ctx.label.name + ".package-metadata.json")
    ctx.actions.write(metadata, json.encode({
        "label": str(ctx.label),
        "purl": ctx.attr.purl,
    }))
    files = depset([metadata])
    return [
        DefaultInfo(files = files),
        PackageMetadataInfo(metadata = metadata, files = files),
    ]

_package_metadata = rule(
    implementation = _package_metadata_impl,
    attrs = {
        "purl": attr.string(
            mandatory = True,
            doc = "The package URL, such as pkg:golang/example.org/module@v1.2.3.",
        ),
    },
    doc = "Describes a package's origin.",
    provides = [PackageMetadataInfo],
)

def package_metadata(name, purl, visibility = None):
    """Describes a package's origin.

    Args:
      name: the target's name.
      purl: the package URL.
      visibility: who may refer to it.
    """

    # The repository names this very target as the metadata of all of its targets; without the
    # empty list the target would depend on itself.
    _package_metadata(
        name = name,
        applicable_licenses = [],
        purl = purl,
        visibility = visibility,
    )
