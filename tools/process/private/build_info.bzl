"""Build information for Go binaries, as the go command records it and rules_go 0.60 does not."""

load("@go_modules//:modules.bzl", "MAIN", "SUMS", "VERSIONS")
load("@rules_go//go:def.bzl", "GoArchive", "GoInfo")

# The linker stores the text between two marks of 16 bytes, which readers cut off by length; see modload.ModInfoData
# in cmd/go and (*rawBuildInfo) in debug/buildinfo.
_MARK = "soketsugo-module"

def _module_of(import_path):
    parts = import_path.split("/")
    for i in range(len(parts), 0, -1):
        path = "/".join(parts[:i])
        if path in VERSIONS:
            return path
    return None

def _build_info_impl(ctx):
    library = ctx.attr.library[GoInfo]
    modules = {}
    for archive in ctx.attr.library[GoArchive].transitive.to_list():
        module = _module_of(archive.importpath)
        if module:
            modules[module] = True

    lines = [
        "path\t" + library.importpath,
        "mod\t" + MAIN + "\t(devel)\t",
    ] + [
        "\t".join(["dep", module, VERSIONS[module], SUMS.get(module, "")])
        for module in sorted(modules)
    ] + [
        "build\t-compiler=gc",
        "build\t-trimpath=true",
        "build\tCGO_ENABLED=" + ("0" if library.mode.pure else "1"),
        "build\tGOARCH=" + library.mode.goarch,
        "build\tGOOS=" + library.mode.goos,
    ]
    if library.mode.tags:
        lines.append("build\t-tags=" + ",".join(library.mode.tags))

    fields = {
        field: getattr(library, field)
        for field in dir(library)
        if field not in ("to_json", "to_proto")
    }
    fields["x_defs"] = dict(
        library.x_defs,
        **{"runtime.modinfo": _MARK + "\n".join(lines) + "\n" + _MARK}
    )
    return [GoInfo(**fields)]

build_info = rule(
    implementation = _build_info_impl,
    attrs = {
        "library": attr.label(
            mandatory = True,
            providers = [GoInfo, GoArchive],
            doc = "The library with package main.",
        ),
    },
    provides = [GoInfo],
    doc = """The library of a main package, together with the versions of the modules that it links.

A go_binary that embeds it answers runtime/debug.ReadBuildInfo and `go version -m` as if the go command had built it,
so vulnerability scanners can read an image.""",
)
