"""What the attributes of the macros take.

Each function returns what is wrong with a value and what would be right, or None. A test can ask it; of a macro
that fails, a test could not know why. Quantities, names and settings are checked later, by tools/manifests, which knows
Kubernetes' own rules.
"""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"

def refuse(where, mistakes):
    """Fails with the first mistake there is.

    Args:
      where: the call of the macro, for people.
      mistakes: a list of what the functions below returned.
    """
    for mistake in mistakes:
        if mistake:
            fail("%s: %s" % (where, mistake))

def line_mistake(attribute, value):
    """Checks a text of one line.

    Args:
      attribute: the attribute's name.
      value: its value.

    Returns:
      The mistake, or None.
    """
    if type(value) != "string" or not value.strip() or "\n" in value or "\r" in value:
        return "%s = %r: take one line of text" % (attribute, value)
    return None

def repository_mistake(value):
    """Checks the last part of a repository's name.

    Args:
      value: the attribute's value.

    Returns:
      The mistake, or None.
    """
    if (type(value) != "string" or not value or value.strip(_LETTERS + "0123456789-") or
        value.startswith("-") or value.endswith("-")):
        return "repository = %r: take lower-case letters, digits and '-' between them, such as \"playbook-grpc\"" % (value,)
    return None

def size_mistake(value):
    """Checks the largest size of an image.

    Args:
      value: the attribute's value.

    Returns:
      The mistake, or None.
    """
    if type(value) != "int" or value <= 0:
        return "max_kib = %r: take the largest compressed size in KiB as a positive integer" % (value,)
    return None

def kind_mistake(value, kinds):
    """Checks the kind of a process.

    Args:
      value: the attribute's value.
      kinds: a list of what it may be.

    Returns:
      The mistake, or None.
    """
    if value not in kinds:
        return "kind = %r: take one of %s" % (value, ", ".join(sorted(kinds)))
    return None

def embed_mistake(value):
    """Checks the library of a process.

    Args:
      value: the attribute's value.

    Returns:
      The mistake, or None.
    """
    if type(value) != "list" or len(value) != 1:
        return "embed = %r: take a list with the one library with package main" % (value,)
    return None

def replicas_mistake(least, most):
    """Checks the bounds of the number of replicas.

    Args:
      least: the smaller one.
      most: the larger one.

    Returns:
      The mistake, or None.
    """
    if type(least) != "int" or type(most) != "int" or least < 1 or most < least:
        return "replicas = %r, max_replicas = %r: take numbers from 1, and the larger one second" % (least, most)
    return None

def strings_mistake(attribute, value):
    """Checks a dictionary of strings.

    Args:
      attribute: the attribute's name.
      value: its value.

    Returns:
      The mistake, or None.
    """
    if type(value) != "dict":
        return "%s = %r: take a dictionary" % (attribute, value)
    for key, text in value.items():
        if type(key) != "string" or type(text) != "string":
            return "%s: %r: %r: take strings" % (attribute, key, text)
    return None

def resources_mistake(value, known):
    """Checks the names of resources.

    Args:
      value: the attribute's value.
      known: the names that there are.

    Returns:
      The mistake, or None.
    """
    for key in value if type(value) == "dict" else []:
        if key not in known:
            return "resources: %r is not known: take %s" % (key, ", ".join(known))
    return strings_mistake("resources", value)

def secrets_mistake(value):
    """Checks references to secrets.

    Args:
      value: the attribute's value.

    Returns:
      The mistake, or None.
    """
    mistake = strings_mistake("secrets", value)
    if mistake:
        return mistake
    for variable, reference in value.items():
        parts = reference.split("/")
        if len(parts) != 2 or not parts[0] or not parts[1]:
            return "secrets: %s = %r: take SECRET/KEY, such as \"playbook-database/url\"" % (variable, reference)
    return None

def environments_mistake(value, known):
    """Checks the names of environments.

    Args:
      value: the attribute's value.
      known: the names that there are.

    Returns:
      The mistake, or None.
    """
    if type(value) != "list" or not value:
        return "environments = %r: take a list of %s" % (value, ", ".join(known))
    for environment in value:
        if environment not in known:
            return "environments: %r is not known: take %s; k8s/environments/defs.bzl lists them" % (environment, ", ".join(known))
    return None
