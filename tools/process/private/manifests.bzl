"""The manifests of a process."""

load("//k8s/environments:defs.bzl", "ENVIRONMENTS")
load("//tools/deploy:defs.bzl", "deploy")
load("//tools/launch:defs.bzl", "launch_test")
load(":checks.bzl", "environments_mistake", "refuse", "replicas_mistake", "resources_mistake", "secrets_mistake", "strings_mistake")

# What a process asks for and gets at most, if it says nothing else. The memory is that of docs/lifecycle.md, with room.
_RESOURCES = {
    "cpu": "100m",
    "cpu_limit": "1",
    "memory": "64Mi",
    "memory_limit": "128Mi",
}

# Who replaces Jobs by name, and orders what is applied; see docs/manifests.md.
_COMPONENTS = ["argocd", "flux"]

# The tool is built for the target, as the process's binary is that it runs: one build serves the actions and the tests.
# Both run on the machine that builds, whatever an image is for.
_TOOL = {
    "_manifests": attr.label(
        cfg = "target",
        default = "//tools/manifests",
        executable = True,
    ),
}

def _process_tree_impl(ctx):
    declaration = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(declaration, ctx.attr.workload)
    tree = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add("tree")
    args.add("--workload", declaration)
    args.add("--binary", ctx.executable.binary)
    args.add_all(ctx.files.environments, before_each = "--environment")
    args.add_all("--output", [tree], expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._manifests,
        arguments = [args],
        inputs = [declaration, ctx.executable.binary] + ctx.files.environments,
        outputs = [tree],
        mnemonic = "ManifestTree",
        progress_message = "Laying out %{label}",
    )
    return [
        DefaultInfo(files = depset([tree])),
        OutputGroupInfo(declaration = depset([declaration])),
    ]

_process_tree = rule(
    implementation = _process_tree_impl,
    attrs = {
        "binary": attr.label(
            mandatory = True,
            cfg = "target",
            executable = True,
            doc = "What says which settings there are, and whether those given are right.",
        ),
        "environments": attr.label_list(
            mandatory = True,
            allow_files = [".yaml"],
        ),
        "workload": attr.string(
            mandatory = True,
            doc = "The declaration, as JSON; see tools/manifests/workload.",
        ),
    } | _TOOL,
    doc = "A folder with a kustomize base, an overlay for each environment, and components.",
)

def _rendered_manifest_impl(ctx):
    manifest = ctx.actions.declare_file(ctx.label.name + ".yaml")
    args = ctx.actions.args()
    args.add("render")
    args.add("--name", ctx.attr.process)
    args.add_all("--tree", [ctx.file.tree], expand_directories = False)
    args.add("--environment", ctx.file.environment)
    args.add("--digest", ctx.file.digest)
    args.add("--component", ctx.attr.component)
    args.add("--output", manifest)
    ctx.actions.run(
        executable = ctx.executable._manifests,
        arguments = [args],
        inputs = [ctx.file.tree, ctx.file.environment, ctx.file.digest],
        outputs = [manifest],
        mnemonic = "Manifest",
        progress_message = "Rendering %{label}",
    )
    return [DefaultInfo(files = depset([manifest]), runfiles = ctx.runfiles([manifest]))]

_rendered_manifest = rule(
    implementation = _rendered_manifest_impl,
    attrs = {
        "component": attr.string(doc = "A component of the tree, if one is to be added."),
        "digest": attr.label(
            mandatory = True,
            allow_single_file = True,
            doc = "The file with the digest of the image.",
        ),
        "environment": attr.label(
            mandatory = True,
            allow_single_file = [".yaml"],
        ),
        "process": attr.string(
            mandatory = True,
            doc = "The name that all objects have as a label.",
        ),
        "tree": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    } | _TOOL,
    doc = "What is applied: the objects of one process, with the digest of one image.",
)

def process_manifests(
        name,
        service,
        process,
        kind,
        binary,
        digest,
        replicas = 2,
        max_replicas = 6,
        resources = {},
        env = {},
        secrets = {},
        public = False,
        deadline = "1h",
        environments = ENVIRONMENTS,
        visibility = None):
    """The manifests of one process.

    Targets, for `name = "manifests"`:

    | target                | what it is                                                                  |
    |-----------------------|-----------------------------------------------------------------------------|
    | `:manifests`          | the folder that is checked in as k8s/<service>/<process>                    |
    | `:manifests_test`     | fails where it is not                                                       |
    | `:staging` and others | for each environment, what is applied: this process with this image         |
    | `:staging_argocd`,    | the same for who applies it by Argo CD or Flux                              |
    | `:staging_flux`       |                                                                             |
    | `:staging.render`,    | print what is applied, what it would change, and apply it; docs/deploy.md   |
    | `.diff`, `.apply`     |                                                                             |

    Args:
      name: the name of the folder of manifests.
      service: the service, as the folder services/<service>.
      process: the process, as the folder in it.
      kind: "grpc", "rest", "worker" or "migrate"; the last becomes a Job, the others Deployments.
      binary: what answers --print-config and --version; ports and seconds come from there.
      digest: the file with the digest of the image.
      replicas: how many there are at least.
      max_replicas: how many an autoscaler makes of them; the same number means that there is none.
      resources: any of cpu, memory (what is asked for), cpu_limit, memory_limit, as Kubernetes writes quantities.
      env: variables that are not secret.
      secrets: variables that are, each with the reference SECRET/KEY; SECRET/KEY? where there may be none.
      public: whether the world outside the cluster gets in; only of kind "rest".
      deadline: how long all attempts of a Job may take together.
      environments: those that the process is in.
      visibility: who may use the targets.
    """
    refuse("the manifests of //%s" % native.package_name(), [
        replicas_mistake(replicas, max_replicas),
        resources_mistake(resources, _RESOURCES.keys()),
        strings_mistake("env", env),
        secrets_mistake(secrets),
        environments_mistake(environments, ENVIRONMENTS),
    ])
    given = _RESOURCES | resources
    declaration = {
        "deadline": deadline,
        "env": env,
        "kind": kind,
        "process": process,
        "public": public,
        "replicas": {"max": max_replicas, "min": replicas},
        "resources": {
            "cpu": given["cpu"],
            "cpuLimit": given["cpu_limit"],
            "memory": given["memory"],
            "memoryLimit": given["memory_limit"],
        },
        "secrets": secrets,
        "service": service,
    }
    files = {environment: "//k8s/environments:%s.yaml" % environment for environment in environments}
    _process_tree(
        name = name,
        binary = binary,
        environments = files.values(),
        visibility = [
            "//k8s:__pkg__",
            "//services/%s:__subpackages__" % service,
        ],
        workload = json.encode(declaration),
    )
    place = "%s/%s" % (service, process)
    launch_test(
        name = name + "_test",
        size = "small",
        args = [
            "--check",
            "--tree=$(rootpath :%s)=k8s/%s" % (name, place),
        ],
        data = [
            ":" + name,
            "//k8s:" + place,
        ],
        tool = "//tools/manifests/update",
    )
    for environment, file in files.items():
        for component in [""] + _COMPONENTS:
            _rendered_manifest(
                name = environment + ("_" + component if component else ""),
                component = component,
                digest = digest,
                environment = file,
                process = "%s-%s" % (service, process),
                tags = ["manual"] if component else [],
                tree = ":" + name,
                visibility = visibility,
            )
        deploy(
            name = environment,
            processes = ["//" + native.package_name()],
        )
