"""Parts that answer one question: a status, a severity, a certainty, a flag."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from importers.cda import datatypes
from importers.cda.conversion import Conversion, Element
from importers.cda.entries import statement as st
from importers.cda.entries.parts import Part, parts_of, take_statement
from importers.cda.xml import child, children


def answer(cv: Conversion, parts: Iterable[Part], kind: str) -> dict[str, Any] | None:
    """Return the coded value of the first part of a kind; further ones stay statements of their own."""
    for part in parts:
        if part.kind == kind and not part.is_denied and not is_taken(cv, part.statement):
            return coded_value(cv, part.statement)
    return None


def coded_value(cv: Conversion, statement: Element) -> dict[str, Any] | None:
    """Return the value of a part as CodeableConcept, and take the part with what only frames it."""
    node = child(statement, "value")
    concept = datatypes.codeable_concept(cv, node) if node is not None else None
    words = st.text_of(cv, statement)
    if words and "text" not in (concept or {}):
        concept = {**(concept or {}), "text": words}
    take_frame(cv, statement)
    return concept


def flag(cv: Conversion, statement: Element) -> bool | None:
    """Return the boolean value of a part and take the part; None if it is not boolean."""
    node = child(statement, "value")
    found = None if node is None else datatypes.value(cv, node)
    if found is None or found[0] != "Boolean":
        return None
    take_frame(cv, statement)
    return bool(found[1])


def take_frame(cv: Conversion, statement: Element) -> None:
    """Take what of a part only frames its value; its id and time have no place in R4 and are left."""
    take_statement(cv, statement)
    st.is_negated(cv, statement)
    for node in children(statement, "code", "statusCode"):
        cv.take_all(node)
    for node in children(statement, "text"):
        cv.take(node)
        for reference in children(node, "reference"):
            cv.take(reference)
    for node in children(statement, "id", "effectiveTime"):
        cv.leave(node, "of a part that is an element of another resource")


def nested(cv: Conversion, statement: Element) -> list[Part]:
    """Return the parts of a statement that nobody has taken yet."""
    return [part for part in parts_of(statement) if not is_taken(cv, part.statement)]


def is_taken(cv: Conversion, statement: Element) -> bool:
    """Return whether something was made of a statement, or it was taken as a part of something."""
    return statement in cv.made_from or cv.is_used(statement)
