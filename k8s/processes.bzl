"""The processes that are deployed."""

# In the order in which they are applied: what makes the schema comes first. A process that is not here has no place for
# its manifests, and its targets say so.
PROCESSES = [
    "//services/playbook/migrate",
    "//services/playbook/grpc",
    "//services/playbook/rest",
]

def place(process):
    """Returns the folder of a process's manifests, under k8s.

    Args:
      process: the label of its package.

    Returns:
      service/process.
    """
    return process.removeprefix("//services/")
