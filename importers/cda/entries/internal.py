"""References between entries: an act with nothing but the id of another statement of the document."""

from __future__ import annotations

from collections.abc import Callable

from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.entries.parts import Part, parts_of, take_statement
from importers.cda.entries.templates import name_of
from importers.cda.xml import children

INTERNAL = "internal-reference"
"""The kind of an act that refers to another entry in the tables."""

Found = Callable[[Reference, Part], None]


def internal_references(cv: Conversion, statement: Element, found: Found) -> None:
    """Have `found` called, once all entries were converted, for each entry that a statement refers to.

    An id that no statement has, or only ones of which no resource was made, is an issue of kind `reference`.
    """
    for part in parts_of(statement):
        if part.kind == INTERNAL:
            refer(cv, part, found)


def refer(cv: Conversion, part: Part, found: Found) -> None:
    """Have `found` called, once all entries were converted, with what an internal reference names."""
    act = part.statement
    take_statement(cv, act)
    for node in children(act, "id", "code", "statusCode", "text"):
        cv.take_all(node)
    for node in children(act, "effectiveTime"):
        cv.leave(node, "a reference has no time of its own")

    def resolve() -> None:
        target = _target(cv, act)
        if target is None:
            cv.issue("warning", "reference", "A reference names no entry that became a resource.", act)
            return
        found(target, part)

    cv.later.append(resolve)


def _target(cv: Conversion, act: Element) -> Reference | None:
    """Return what stands for the entry that has the id, else for the nearest statement around it."""
    named = [
        node
        for each in children(act, "id")
        for node in cv.identified.get(_key(each), ())
        if node is not act and name_of(node) is not None
    ]
    for node in named:
        if node in cv.made_from:
            return cv.made_from[node]
    for node in named:
        for around in node.iterancestors():
            if around in cv.made_from:
                return cv.made_from[around]
    return None


def _key(node: Element) -> tuple[str, str]:
    return (node.get("root") or "").strip().lower(), (node.get("extension") or "").strip()
