"""Hands an image to the container engine of this machine."""

load(":attributes.bzl", "common_attributes", "lines_file")
load(":tool.bzl", "TOOL_ATTRS")

# Runfiles are a tree of links wherever the air-gapped build works, which is Linux alone.
_LAUNCHER = """#!/bin/sh
runfiles="${{RUNFILES_DIR:-$0.runfiles}}"
exec "$runfiles/{tool}" load --image="$runfiles/{image}" --repo-tags="$runfiles/{repo_tags}" --format={format} "$@"
"""

def _runfiles_path(ctx, file):
    if file.short_path.startswith("../"):
        return file.short_path[len("../"):]
    return ctx.workspace_name + "/" + file.short_path

def _oci_load_impl(ctx):
    launcher = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        output = launcher,
        is_executable = True,
        content = _LAUNCHER.format(
            tool = _runfiles_path(ctx, ctx.executable._tool),
            image = _runfiles_path(ctx, ctx.file.image),
            repo_tags = _runfiles_path(ctx, ctx.file.repo_tags),
            format = ctx.attr.format,
        ),
    )

    archive = ctx.actions.declare_file("{}/tarball.tar".format(ctx.label.name))
    args = ctx.actions.args()
    args.add("load")
    args.add(ctx.file.image.path, format = "--image=%s")
    args.add(ctx.file.repo_tags, format = "--repo-tags=%s")
    args.add(ctx.attr.format, format = "--format=%s")
    args.add(archive, format = "--output=%s")
    ctx.actions.run(
        executable = ctx.executable._tool,
        arguments = [args],
        inputs = [ctx.file.image, ctx.file.repo_tags],
        outputs = [archive],
        mnemonic = "OCITarball",
        progress_message = "OCI Tarball %{label}",
    )

    runfiles = ctx.runfiles(files = [ctx.file.image, ctx.file.repo_tags])
    runfiles = runfiles.merge_all([
        ctx.attr._tool[DefaultInfo].default_runfiles,
        ctx.attr.image[DefaultInfo].default_runfiles,
    ])
    return [
        DefaultInfo(executable = launcher, runfiles = runfiles),
        OutputGroupInfo(tarball = depset([archive])),
    ]

_oci_load = rule(
    implementation = _oci_load_impl,
    attrs = {
        "format": attr.string(default = "docker", values = ["docker", "oci"]),
        "image": attr.label(mandatory = True, allow_single_file = True),
        "repo_tags": attr.label(mandatory = True, allow_single_file = [".txt"]),
    } | TOOL_ATTRS,
    executable = True,
)

def oci_load(name, repo_tags = None, **kwargs):
    """Makes a program that loads an image into docker, podman or nerdctl; its output group "tarball" is the archive.

    Args:
      name: the name of the target.
      repo_tags: a list of repository:tag, or a file with one a line.
      **kwargs: image, format ("docker" for an image, "oci" for an index), and what every rule takes.
    """
    _oci_load(
        name = name,
        repo_tags = lines_file(name, "tags", repo_tags, common_attributes(kwargs)),
        **kwargs
    )
