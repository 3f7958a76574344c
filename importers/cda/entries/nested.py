"""Statements inside a statement whose mapper links them itself, better than the engine could."""

from __future__ import annotations

from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.entries import engine
from importers.cda.entries.parts import Part
from importers.cda.entries.place import Place


def convert_part(
    cv: Conversion, part: Part, around: Element, parent: Reference | None, place: Place
) -> list[Reference]:
    """Convert a statement inside `around`, of which `parent` was made; the caller links what comes back."""
    inside = place.within(around, parent, part.relation, part.inverted, part.negated)
    return engine.convert_statement(cv, part.statement, inside)
