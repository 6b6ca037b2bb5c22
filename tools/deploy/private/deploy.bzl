"""Targets that run the deploy program for some processes."""

load("//tools/launch:defs.bzl", "launch")

_TOOL = Label("//tools/deploy")

def _name(process):
    return process.removeprefix("//services/")

def _argument(name, process, manifest = None, layout = None):
    return "--process=%s=%s,%s" % (
        name,
        "$(rootpath %s:%s)" % (process, manifest) if manifest else "",
        "$(rootpath %s:%s)" % (process, layout) if layout else "",
    )

def deploy(name, processes, visibility = None):
    """`:<name>.render`, `:<name>.diff` and `:<name>.apply`, for `bazel run`.

    Args:
      name: the environment: that of a file in k8s/environments, without its ending.
      processes: the packages of the processes, such as "//services/playbook/rest". Each has `:<name>`, the rendered
        manifest, and `:image`.
      visibility: who may use the targets.
    """
    file = "//k8s/environments:%s.yaml" % name
    data = [file]
    args = ["--environment=$(rootpath %s)" % file]
    for process in processes:
        data += ["%s:%s" % (process, name), process + ":image"]
        args.append(_argument(_name(process), process, name, "image"))
    for verb in ["render", "diff", "apply"]:
        launch(
            name = "%s.%s" % (name, verb),
            args = [verb] + args,
            data = data,
            tags = ["manual"],
            tool = _TOOL,
            visibility = visibility,
        )

def export(name, environments, processes, variant = "", visibility = None):
    """Writes the manifests of all processes and environments to a folder, by `bazel run`.

    Args:
      name: the target's name.
      environments: the names of the environments.
      processes: as for deploy.
      variant: what the manifests' targets have behind the environment's name, such as "_argocd".
      visibility: who may use the target.
    """
    pairs = [(environment, process) for environment in environments for process in processes]
    launch(
        name = name,
        args = ["export"] + [
            _argument("%s/%s" % (environment, _name(process)), process, manifest = environment + variant)
            for environment, process in pairs
        ],
        data = ["%s:%s%s" % (process, environment, variant) for environment, process in pairs],
        tags = ["manual"],
        tool = _TOOL,
        visibility = visibility,
    )

def push_all(name, processes, visibility = None):
    """Pushes the images of all processes, by `bazel run`.

    Args:
      name: the target's name.
      processes: as for deploy.
      visibility: who may use the target.
    """
    launch(
        name = name,
        args = ["push"] + [_argument(_name(process), process, layout = "image") for process in processes],
        data = [process + ":image" for process in processes],
        tags = ["manual"],
        tool = _TOOL,
        visibility = visibility,
    )
