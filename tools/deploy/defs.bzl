"""The macros that bring processes to a cluster."""

load("//tools/deploy/private:deploy.bzl", _deploy = "deploy", _export = "export", _push_all = "push_all")

deploy = _deploy
export = _export
push_all = _push_all
