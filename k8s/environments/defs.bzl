"""The environments."""

# Each has a file of its name beside this one, which says what differs in it.
ENVIRONMENTS = [
    "staging",
    "production",
]
