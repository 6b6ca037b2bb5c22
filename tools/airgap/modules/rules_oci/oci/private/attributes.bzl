"""Turns dictionaries and lists into the files that the rules take."""

load("@bazel_skylib//rules:write_file.bzl", "write_file")

# What an image target hands on to the targets that the macros make for it.
_COMMON = [
    "compatible_with",
    "deprecation",
    "exec_compatible_with",
    "features",
    "restricted_to",
    "tags",
    "target_compatible_with",
    "testonly",
    "visibility",
]

def common_attributes(attributes):
    """Returns those of the attributes that every rule has.

    Args:
      attributes: the keyword arguments of a macro.

    Returns:
      A dictionary to hand to another rule.
    """
    return {key: attributes[key] for key in _COMMON if key in attributes}

def lines_file(name, kind, lines, common):
    """Writes lines into a file, unless they are a label of a file already.

    Args:
      name: the name of the image target.
      kind: which attribute the lines are for.
      lines: a list of strings, or None, or a label.
      common: the attributes of the target that writes the file.

    Returns:
      A label of a file, or None.
    """
    if type(lines) != type([]):
        return lines
    target = "{}_write_{}".format(name, kind)
    write_file(
        name = target,
        out = "{}.{}.txt".format(name, kind),
        content = lines,
        **common
    )
    return target

def pairs_file(name, kind, pairs, common):
    """Writes a dictionary into a file of key=value lines, unless it is a label of a file already.

    Args:
      name: the name of the image target.
      kind: which attribute the pairs are for.
      pairs: a dictionary of strings, or None, or a label.
      common: the attributes of the target that writes the file.

    Returns:
      A label of a file, or None.
    """
    if type(pairs) != type({}):
        return pairs
    return lines_file(name, kind, ["{}={}".format(key, value) for key, value in pairs.items()], common)

def words_file(name, kind, words, common):
    """Writes the words of a command line into a file, one a line; a line end in a word is written as %5Cn.

    Args:
      name: the name of the image target.
      kind: which attribute the words are for.
      words: a list of strings, or None, or a label.
      common: the attributes of the target that writes the file.

    Returns:
      A label of a file, or None.
    """
    if type(words) != type([]):
        return words
    return lines_file(name, kind, [word.replace("\n", "%5Cn") for word in words], common)

def set_file(name, kind, members, common):
    """Writes a set into a file, with commas between its members.

    Args:
      name: the name of the image target.
      kind: which attribute the members are for.
      members: a list of strings, or None, or a label.
      common: the attributes of the target that writes the file.

    Returns:
      A label of a file, or None.
    """
    if type(members) != type([]):
        return members
    return lines_file(name, kind, [",".join(members)], common)
