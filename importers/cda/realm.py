"""Of which realm a document is: its own word for it, which the tables of the realms are looked up with."""

from __future__ import annotations

from importers.cda.conversion import Conversion
from importers.cda.xml import attr, path


def realm_of(cv: Conversion) -> str:
    """Return the realm code of the document, empty if it has none."""
    return attr(path(cv.source.root, "realmCode"), "code") or ""
