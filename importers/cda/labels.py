"""The confidentiality of a document on all that was made of it, so that hiding it hides that too."""

from __future__ import annotations

from importers.cda.conversion import Conversion
from importers.cda.header.read import Header

_SHARED = frozenset({"Patient", "Practitioner", "PractitionerRole", "Organization", "Location"})
"""What other documents also speak of: the label of one of them must not stick to it."""


def add_labels(cv: Conversion, header: Header) -> None:
    """Put the labels of the document on every resource that is of this document alone."""
    for resource in cv.resources.values():
        if resource["resourceType"] in _SHARED:
            continue
        labels = resource.get("meta", {}).get("security", [])
        labels = [*labels, *(dict(each) for each in header.security if each not in labels)]
        if labels:
            rest = {name: resource.pop(name) for name in list(resource)}
            resource["resourceType"] = rest.pop("resourceType")
            resource["meta"] = {**rest.pop("meta", {}), "security": labels}
            resource.update(rest)
