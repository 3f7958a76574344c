"""What the document does to others: replaces, appends to, or transforms them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes import identifier, identifiers
from importers.cda.extensions import RELATED_SET, RELATED_VERSION, own
from importers.cda.xml import attr, child, children

_CODES = {"RPLC": "replaces", "APND": "appends", "XFRM": "transforms"}
"""Spec: http://hl7.org/fhir/R4/valueset-document-relationship-type.html"""


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation of this document to another: `target` is an Identifier of that other document.

    `extensions` say which version of what it is.
    """

    code: str
    target: dict[str, Any]
    extensions: tuple[dict[str, Any], ...] = ()

    def reference(self) -> dict[str, Any]:
        """Return a logical reference to the other document."""
        return {"type": "DocumentReference", "identifier": self.target}


def relations(cv: Conversion) -> tuple[Relation, ...]:
    """Return what the document says of its forebears, one relation per id of a parent document."""
    found = []
    for node in children(cv.source.root, "relatedDocument"):
        code = _CODES.get(node.get("typeCode", ""))
        parent = child(node, "parentDocument")
        if code is None or parent is None:
            cv.issue("warning", "structure", "A related document is related in no known way.", node)
            continue
        cv.take(node, "typeCode")
        extensions = tuple(_version(cv, parent))
        targets = [each for each in identifiers(cv, parent) if each.get("value")]
        if not targets:
            cv.issue("warning", "structure", "A related document has no identifier.", node)
        found += [Relation(code, target, extensions) for target in targets]
    return tuple(found)


def _version(cv: Conversion, parent: Element) -> Iterator[dict[str, Any]]:
    number, family = child(parent, "versionNumber"), identifier(cv, child(parent, "setId"))
    value = attr(number, "value")
    if number is not None and value:
        cv.take(number, "value")
        yield own(cv.base, RELATED_VERSION, "String", value)
    if family:
        yield own(cv.base, RELATED_SET, "Identifier", family)
