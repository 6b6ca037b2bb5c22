"""The macros that make a process of a service: its binary, its image, its manifests, and what is done with them."""

load("//tools/process/private:go_process.bzl", _go_process = "go_process")
load("//tools/process/private:image.bzl", _process_image = "process_image")
load("//tools/process/private:manifests.bzl", _process_manifests = "process_manifests")

go_process = _go_process
process_image = _process_image
process_manifests = _process_manifests
