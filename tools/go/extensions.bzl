"""What the build takes from go.mod and go.sum: the Go SDK's version and the versions of Go modules."""

load("@rules_go//go:deps.bzl", "go_download_sdk")

_GO_MOD = Label("//:go.mod")
_GO_SUM = Label("//:go.sum")

def _host_sdk_impl(rctx):
    go = rctx.which("go")
    rctx.report_progress("Asking the host's Go for Go " + rctx.attr.version)
    result = rctx.execute(
        [go, "env", "GOROOT"],
        # The go command answers with its own folder where it is that very version. Otherwise it downloads the
        # version through the module proxy, checked against the checksum database.
        environment = {"GOTOOLCHAIN": "go" + rctx.attr.version},
    )
    if result.return_code != 0:
        fail("\n".join([
            "%s could not provide Go %s, the version that go.mod names:" % (go, rctx.attr.version),
            result.stderr.strip(),
            "Install Go %s, or let the go command reach a module proxy (go env GOPROXY)." % rctx.attr.version,
        ]))
    for entry in rctx.path(result.stdout.strip()).readdir():
        rctx.symlink(entry, entry.basename)
    rctx.file("BUILD.bazel", 'exports_files(["VERSION"])\n')

_host_sdk = repository_rule(
    implementation = _host_sdk_impl,
    attrs = {"version": attr.string(mandatory = True)},
    environ = ["PATH", "GOPROXY"],
)

def _go_modules_impl(rctx):
    rctx.file("BUILD.bazel", "")
    rctx.file("modules.bzl", "\n".join([
        '"""The main module, the modules of go.mod with their versions, and their checksums in go.sum."""',
        "",
        "MAIN = " + repr(rctx.attr.main),
        "",
        "VERSIONS = " + json.encode_indent(rctx.attr.versions),
        "",
        "SUMS = " + json.encode_indent(rctx.attr.sums),
        "",
    ]))

_go_modules = repository_rule(
    implementation = _go_modules_impl,
    attrs = {
        "main": attr.string(mandatory = True),
        "versions": attr.string_dict(mandatory = True),
        "sums": attr.string_dict(mandatory = True),
    },
)

def _parse_go_mod(content):
    """Reads the few directives of go.mod that the build needs; the go command checks the rest."""
    main, version, versions, block = None, None, {}, None
    for line in content.splitlines():
        words = [w for w in line.split("//")[0].replace("\t", " ").split(" ") if w]
        if not words:
            continue
        if words == [")"]:
            block = None
            continue
        if len(words) == 2 and words[1] == "(":
            block = words[0]
            continue
        verb, args = (block, words) if block else (words[0], words[1:])
        if verb == "module":
            main = args[0]
        elif verb == "go":
            version = args[0]
        elif verb == "require":
            versions[args[0]] = args[1]
        elif verb == "replace":
            fail("go.mod: 'replace' is not supported: the module versions that a binary reports would be wrong")
    return struct(main = main, go_version = version, versions = versions)

def _go_pin_impl(mctx):
    mod = _parse_go_mod(mctx.read(_GO_MOD))
    if len(mod.go_version.split(".")) != 3:
        fail("go.mod: 'go %s' must name a release in full, such as 'go 1.26.8': it selects the Go SDK" % mod.go_version)
    sums = {}
    for line in mctx.read(_GO_SUM).splitlines():
        path, version, checksum = line.split(" ")
        if mod.versions.get(path) == version:
            sums[path] = checksum
    if mctx.which("go"):
        _host_sdk(name = "go_pinned", version = mod.go_version)
    else:
        go_download_sdk(name = "go_pinned", version = mod.go_version, register_toolchains = False)
    _go_modules(name = "go_modules", main = mod.main, versions = mod.versions, sums = sums)

go_pin = module_extension(
    implementation = _go_pin_impl,
    os_dependent = True,
    arch_dependent = True,
    doc = """Takes the Go SDK and the versions of Go modules from go.mod.

Makes two repositories: `go_pinned`, the SDK of the version that go.mod names, from the host's go command if there
is one and downloaded otherwise; and `go_modules`, whose `modules.bzl` lists the modules of go.mod.""",
)
