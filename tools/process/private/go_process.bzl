"""A process written in Go."""

load("@rules_go//go:def.bzl", "go_binary")
load("//tools/deps:defs.bzl", "layering_test")
load(":build_info.bzl", "build_info")
load(":checks.bzl", "embed_mistake", "kind_mistake", "refuse")
load(":image.bzl", "process_image")
load(":manifests.bzl", "process_manifests")
load(":sbom.bzl", "process_sbom")

# What the image of each kind of process may weigh, compressed, in KiB: 5.0, 3.5 and 4.5 MB. docs/images.md says why.
_MAX_KIB = {
    "grpc": 4882,
    "migrate": 3417,
    "rest": 4394,
    "worker": 4882,
}

_MODULE = "github.com/soketsugo/soketsugo"

# What the binary of each kind must not link, whoever brings it in.
_NO_SQLITE = {"modernc.org/sqlite": "the embedded database is for development; images hold PostgreSQL only"}
_NO_GRPC = {"google.golang.org/grpc": "gRPC is another process's transport"}
_NO_REST = {"github.com/gorilla/mux": "REST is another process's transport"}
_NO_LINT = {"github.com/wasilibs/go-pgquery": "PostgreSQL's grammar is for the lint of migrations, which developers run"}
_NO_MIGRATIONS = {_MODULE + "/migrations": "only migrate changes the schema"}

# pgx without pgconn, which speaks the protocol and takes no more than a constant from pgtype.
_PGX = "github.com/jackc/pgx/v5"
_PGCONN = _PGX + "/pgconn"
_NO_PGX = {_PGX: "pgx, pgtype and pgxpool cost an image 0.5 MB; libs/pgsql does what a store needs on pgconn"}

def _forbidden(kind, service):
    if kind == "grpc":
        return _NO_SQLITE | _NO_PGX | _NO_LINT | _NO_REST | _NO_MIGRATIONS
    if kind == "rest":
        return _NO_SQLITE | _NO_PGX | _NO_LINT | _NO_GRPC | _NO_MIGRATIONS
    if kind == "worker":
        return _NO_SQLITE | _NO_PGX | _NO_LINT | _NO_REST | _NO_MIGRATIONS
    return _NO_SQLITE | _NO_PGX | _NO_LINT | _NO_GRPC | _NO_REST | {
        "%s/libs/%s" % (_MODULE, service): "a released migration must not change meaning with today's code",
    }

# Without the symbol table and DWARF, which the function names of a stack trace do not need.
_LINK_OPTIONS = ["-s", "-w"]

# The build tag that links the embedded database too; see libs/playbook/store/open.
_EMBEDDED_TAGS = ["grpcnotrace", "sqlite"]

def go_process(
        name,
        embed,
        description,
        kind = None,
        service = None,
        max_kib = None,
        visibility = None,
        **manifests):
    """One process of a service: its binary, its image, its manifests, and what is done with them.

    Gazelle writes the call (see the map_kind directive in a process's BUILD file). Beside the targets of
    process_image and of process_manifests, `:<name>` is the static, stripped binary, and `:<name>_embedded` the same with the embedded
    database, which no image holds. `:<name>_layering_test` holds what the kind of process must not link.

    Args:
      name: the process's name, as its folder's.
      embed: the library with package main.
      description: what the process does, in a sentence of one line; it becomes a label of the image.
      kind: "grpc", "rest", "migrate" or "worker"; the name where it is one of these.
      service: the service that the process belongs to; from the folder services/<service>/<name>.
      max_kib: the largest compressed size of the image, in KiB; by kind.
      visibility: who may use the binary, the image and the manifests.
      **manifests: how it runs in Kubernetes: replicas, max_replicas, resources, env, secrets, public, deadline and
        environments of process_manifests.
    """
    kind = kind or name
    refuse("go_process(name = %r)" % name, [
        kind_mistake(kind, _MAX_KIB.keys()),
        embed_mistake(embed),
    ])
    if not service:
        folders = native.package_name().split("/")
        if len(folders) != 3 or folders[0] != "services":
            fail("go_process(name = %r): service: name it, as //%s is not of the form //services/<service>/<process>" %
                 (name, native.package_name()))
        service = folders[1]

    build_info(
        name = name + "_build_info",
        library = embed[0],
        tags = ["manual"],
    )
    go_binary(
        name = name,
        embed = [":%s_build_info" % name],
        gc_linkopts = _LINK_OPTIONS,
        visibility = visibility,
    )
    layering_test(
        name = name + "_layering_test",
        exempt = [_PGCONN],
        forbidden = _forbidden(kind, service),
        target = embed[0],
    )
    go_binary(
        name = name + "_embedded",
        embed = [":%s_build_info" % name],
        gc_linkopts = _LINK_OPTIONS,
        gotags = _EMBEDDED_TAGS,
        tags = ["manual"],
        visibility = ["//services/%s:__subpackages__" % service],
    )
    process_image(
        name = "image",
        binary = ":" + name,
        description = description,
        max_kib = _MAX_KIB[kind] if max_kib == None else max_kib,
        repository = "%s-%s" % (service, name),
        title = "%s %s" % (service, name),
        version = "//services/%s/version:VERSION" % service,
        visibility = visibility,
    )
    process_manifests(
        name = "manifests",
        binary = ":" + name,
        digest = ":image.digest",
        kind = kind,
        process = name,
        service = service,
        visibility = visibility,
        **manifests
    )
    process_sbom(
        name = "sbom",
        image = "image",
        image_name = "%s-%s" % (service, name),
        visibility = visibility,
    )
