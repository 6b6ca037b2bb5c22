"""What the attributes of the macros take.

Each function returns what is wrong with a value and what would be right, or None. A test can ask it; of a macro
that fails, a test could not know why.
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
