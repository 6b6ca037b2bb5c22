"""A test of what a Go target links, which prints the way to what it must not link."""

load("@rules_go//go:def.bzl", "GoInfo")

_GoImportsInfo = provider(
    doc = "The import graph below a Go target.",
    fields = {"imports": "depset of struct(path, deps): a package's import path and those of what it imports."},
)

_ATTRIBUTES = ["deps", "embed", "library"]

def _go_imports_impl(target, ctx):
    below = [
        dep
        for attribute in _ATTRIBUTES
        for dep in _as_list(getattr(ctx.rule.attr, attribute, None))
        if _GoImportsInfo in dep
    ]
    direct = []
    if GoInfo in target:
        info = target[GoInfo]
        direct.append(struct(
            path = info.importpath,
            deps = tuple([archive.data.importpath for archive in info.deps]),
        ))
    return [_GoImportsInfo(imports = depset(direct, transitive = [dep[_GoImportsInfo].imports for dep in below]))]

def _as_list(value):
    if value == None:
        return []
    return value if type(value) == "list" else [value]

_go_imports = aspect(
    implementation = _go_imports_impl,
    attr_aspects = _ATTRIBUTES,
)

def _matches(path, patterns):
    for pattern in patterns:
        if path == pattern or path.startswith(pattern + "/"):
            return pattern
    return None

def _find(graph, start, exempt, offends):
    """The shortest way from start to a package that offends, as a list of import paths; empty if there is none.

    It does not lead through those that are exempt."""
    came_from = {start: None}
    layer = [start]
    for _ in range(len(graph) + 1):
        next_layer = []
        for path in layer:
            for dep in graph.get(path, []):
                if dep in came_from or _matches(dep, exempt):
                    continue
                came_from[dep] = path
                next_layer.append(dep)
                if offends(dep):
                    way = [dep]
                    for _ in range(len(graph) + 1):
                        if came_from[way[-1]] == None:
                            break
                        way.append(came_from[way[-1]])
                    return way[::-1]
        layer = next_layer
    return []

def _layering_test_impl(ctx):
    graph = {}
    for node in ctx.attr.target[_GoImportsInfo].imports.to_list():
        graph[node.path] = graph.get(node.path, []) + list(node.deps)
    start = ctx.attr.target[GoInfo].importpath

    lines = []
    for pattern, reason in ctx.attr.forbidden.items():
        way = _find(graph, start, ctx.attr.exempt, lambda path: _matches(path, [pattern]))
        if way:
            lines.append("must not link %s: %s" % (pattern, reason))
            lines.extend(["    " + ("imports " if i else "") + path for i, path in enumerate(way)])
    if ctx.attr.only_allowed:
        way = _find(graph, start, ctx.attr.exempt, lambda path: not _matches(path, ctx.attr.allowed + [start]))
        if way:
            lines.append("must link nothing but the standard library%s" % "".join([" and " + a for a in ctx.attr.allowed]))
            lines.extend(["    " + ("imports " if i else "") + path for i, path in enumerate(way)])

    script = ctx.actions.declare_file(ctx.label.name)
    if lines:
        content = "cat >&2 <<'END'\n%s:\n%s\ndocs/development.md explains the layers.\nEND\nexit 1\n" % (ctx.attr.target.label, "\n".join(lines))
    else:
        content = "echo '%d packages below %s keep to the layers'\n" % (len(graph), start)
    ctx.actions.write(script, "#!/bin/sh\n" + content, is_executable = True)
    return [DefaultInfo(executable = script)]

_layering_test = rule(
    implementation = _layering_test_impl,
    attrs = {
        "allowed": attr.string_list(),
        "exempt": attr.string_list(),
        "forbidden": attr.string_dict(),
        "only_allowed": attr.bool(),
        "target": attr.label(
            aspects = [_go_imports],
            mandatory = True,
            providers = [GoInfo],
        ),
    },
    test = True,
)

def layering_test(name, target, forbidden = {}, allowed = None, exempt = [], **kwargs):
    """Fails, and prints the chain of imports, where a Go target links what its layer must not.

    It sees the packages that the build really links, transitive ones and those of other modules too.

    Args:
      name: the test's name.
      target: a go_library, that of a main package too.
      forbidden: import paths that it must not link, neither they nor packages below them, each with the reason.
      allowed: the only import paths, with the packages below them, that it may link besides the standard library;
        None for any.
      exempt: import paths that it may link, with the packages below them, whatever is forbidden. What they import is
        not looked at.
      **kwargs: what every test takes.
    """
    if not forbidden and allowed == None:
        fail("layering_test(name = %r): give forbidden or allowed, or the test could not fail" % name)
    _layering_test(
        name = name,
        size = "small",
        allowed = allowed or [],
        exempt = exempt,
        forbidden = forbidden,
        only_allowed = allowed != None,
        target = target,
        **kwargs
    )
