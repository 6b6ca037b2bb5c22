"""The image half of a process: it takes a binary, whatever language that is written in."""

load("@rules_oci//oci:defs.bzl", "oci_image", "oci_image_index", "oci_load")
load("//tools/launch:defs.bzl", "launch", "launch_test")
load(":checks.bzl", "line_mistake", "refuse", "repository_mistake", "size_mistake")
load(":labels.bzl", "image_labels")
load(":layer.bzl", "ARCHITECTURES", "image_layer")

# uid and gid of "nonroot", as the distroless images have it.
_USER = "65532:65532"

def process_image(
        name,
        binary,
        version,
        repository,
        title,
        description,
        max_kib,
        source = "https://github.com/soketsugo/soketsugo",
        visibility = None):
    """The image of one process, its push, its load and its test.

    Targets, for `name = "image"`:

    | target          | what it is                                                                              |
    |-----------------|-----------------------------------------------------------------------------------------|
    | `:image`        | the image as an OCI layout; linux/amd64, or an index over all architectures with        |
    |                 | `--config=multiarch`                                                                    |
    | `:image.digest` | a file with the image's digest                                                          |
    | `:push`         | `bazel run` pushes the image; `-- --help` lists its flags                               |
    | `:load`         | `bazel run` loads the linux/amd64 image into Docker or Podman                           |
    | `:image_test`   | unpacks the image, checks it and runs the binary; with `--config=multiarch` each of the |
    |                 | images, and the binary that this machine can run                                        |

    Args:
      name: the image's name. The other targets take their place beside it, so a package has one image.
      binary: the label of the executable: static, for Linux, answering `--version`. It is built for the image's
        platform whatever the host.
      version: a file that holds the version; the image's label and what `--version` prints must agree.
      repository: the last part of the image's repository, such as "playbook-grpc"; also the binary's name in the image.
      title: a human's name for the image, in one line.
      description: what it does, in a sentence of one line.
      max_kib: the largest compressed size, in KiB, that the test lets pass.
      source: where the code lives.
      visibility: who may use the image and its digest.
    """
    refuse("the image %r of //%s" % (name, native.package_name()), [
        repository_mistake(repository),
        size_mistake(max_kib),
        line_mistake("title", title),
        line_mistake("description", description),
        line_mistake("source", source),
    ])

    path = "/" + repository
    image_labels(
        name = name + "_labels",
        labels = {
            "org.opencontainers.image.title": title,
            "org.opencontainers.image.description": description,
            "org.opencontainers.image.source": source,
        },
        version = version,
        tags = ["manual"],
    )
    for architecture in ARCHITECTURES:
        # Everyday builds make one architecture only.
        tags = [] if architecture == "amd64" else ["manual"]
        image_layer(
            name = "layer_" + architecture,
            architecture = architecture,
            binary = binary,
            path = path,
            tags = tags,
        )
        oci_image(
            name = name + "_" + architecture,
            architecture = architecture,
            entrypoint = [path],
            labels = ":" + name + "_labels",
            os = "linux",
            tags = tags,
            # What changes least comes first: registries and nodes keep the layer from the last release.
            tars = [
                Label("//tools/process:certificates_layer"),
                ":layer_" + architecture,
            ],
            user = _USER,
        )
    oci_image_index(
        name = name + "_index",
        images = [":%s_%s" % (name, architecture) for architecture in ARCHITECTURES],
        tags = ["manual"],
    )
    for suffix in ["", ".digest"]:
        native.alias(
            name = name + suffix,
            actual = select({
                Label("//tools/process:is_multiarch"): ":%s_index%s" % (name, suffix),
                "//conditions:default": ":%s_amd64%s" % (name, suffix),
            }),
            visibility = visibility,
        )

    launch(
        name = "push",
        args = [
            "--layout=$(rootpath :%s)" % name,
            "--name=" + repository,
        ],
        data = [":" + name],
        tags = ["manual"],
        tool = "//tools/process/push",
    )
    oci_load(
        name = "load",
        image = ":%s_amd64" % name,
        repo_tags = [repository + ":latest"],
        tags = ["manual"],
    )
    launch_test(
        name = name + "_test",
        size = "small",
        args = [
            "--layout=$(rootpath :%s)" % name,
            "--entrypoint=" + path,
            "--user=" + _USER,
            "--labels=$(rootpath :%s_labels)" % name,
            "--max-kib=%d" % max_kib,
        ] + select({
            Label("//tools/process:is_multiarch"): ["--platform=linux/" + architecture for architecture in ARCHITECTURES],
            "//conditions:default": [],
        }),
        data = [
            ":" + name,
            ":%s_labels" % name,
        ],
        tool = "//tools/process/imagetest",
    )
