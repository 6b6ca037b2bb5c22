"""What is known of a package's origin."""

PackageMetadataInfo = provider(
    doc = "Where a package comes from.",
    fields = {
        "metadata": "File: the description as JSON.",
        "files": "depset of File: the description and what it refers to.",
    },
)
