"""Refuses oci_push, which this repository does not use."""

def oci_push(name, **_kwargs):
    """Fails: the push target of the process macros works the same on both paths.

    Args:
      name: the name of the target.
      **_kwargs: not looked at.
    """
    fail("oci_push {}: the air-gapped rules_oci has no oci_push; use the push target of //tools/process:defs.bzl".format(name))
