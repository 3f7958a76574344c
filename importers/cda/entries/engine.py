"""From an entry to resources: the table chooses the mapper, nothing is passed over in silence."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module

from lxml import etree

import importers.cda.entries as room
from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.entries.linking import link
from importers.cda.entries.parts import parts_of, statement_in, take_statement
from importers.cda.entries.place import Place
from importers.cda.entries.subjects import OF_THE_PERSON, is_of_another
from importers.cda.entries.templates import STATEMENT_TAGS, V3, Row, fallback_of, mood_of, name_of, row_of

Mapper = Callable[[Conversion, Element, Place], list[Reference]]

_DATA_ERRORS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What strange data can make a mapper raise; anything else is a defect and leaves the importer."""


def convert_entry(cv: Conversion, entry: Element, place: Place) -> list[Reference]:
    """Convert the statement of a section's `entry` and return what stands for it.

    Never raises for what a document says: what cannot be converted is an issue of kind `entry`.
    """
    statement = statement_in(entry)
    if statement is None:
        cv.issue("warning", "entry", "The entry holds no statement.", entry)
        return []
    return convert_statement(cv, statement, place)


def convert_statement(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Convert a statement, then those inside it that nothing took; return what stands for it.

    Where a known template's mapper fails on the data, the one for its class and mood is tried.
    """
    if statement in cv.made_from:
        return [cv.made_from[statement]]
    row = row_of(statement)
    made: list[Reference] = []
    if _is_empty(statement):
        cv.leave(statement, "the statement says only why it says nothing")
        return made
    for name in _mappers_for(cv, statement, row):
        made = _run(cv, mappers()[name], statement, place)
        if made:
            cv.made_from.setdefault(statement, made[0])
            break
    parent = made[0] if made and (row is None or row.role != "wrapper") else None
    made = made + _convert_rest(cv, statement, place, parent)
    if made:
        cv.made_from.setdefault(statement, made[0])
        take_statement(cv, statement)
    else:
        cv.leave(statement, "no resource could be made of it")
    return made


def finish(cv: Conversion) -> None:
    """Do what waits until every section was converted: references between entries, then the counts.

    Call it once, after the last section.  Counts `cv.met` and `cv.structured` for every statement of the
    body and lists each that neither became a resource nor is a part of one.
    """
    for waiting in cv.later:
        waiting()
    cv.later.clear()
    for node in cv.source.root.iter(*STATEMENT_TAGS):
        _count(cv, node)


@cache
def mappers() -> Mapping[str, Mapper]:
    """Return all mappers by name, from the `MAPPERS` of the modules in this folder."""
    found: dict[str, Mapper] = {}
    for module in pkgutil.iter_modules(room.__path__):
        more = getattr(import_module(f"{room.__name__}.{module.name}"), "MAPPERS", {})
        if twice := found.keys() & more.keys():
            raise ValueError(f"two modules map {sorted(twice)}")
        found.update(more)
    return found


def _mappers_for(cv: Conversion, statement: Element, row: Row | None) -> list[str]:
    names = [row.mapper] if row is not None and row.role in ("resource", "wrapper") else []
    fallback = fallback_of(statement)
    if fallback is not None and (row is None or row.role != "wrapper"):
        names.append(fallback)
    known = [name for name in dict.fromkeys(names) if name in mappers()]
    if OF_THE_PERSON.isdisjoint(known) or not is_of_another(statement):
        return known
    others = [name for name in known if name not in OF_THE_PERSON]
    if not others:
        text = "The statement is about somebody else, which R4 cannot say of it: it was not taken over."
        cv.issue("warning", "subject", text, statement)
    return others


def _is_empty(statement: Element) -> bool:
    """Return whether a statement has a null flavor and nothing else to say."""
    if statement.get("nullFlavor") is None:
        return False
    return all(child.tag == V3 + "templateId" for child in statement.iterchildren(etree.Element))


def _run(cv: Conversion, mapper: Mapper, statement: Element, place: Place) -> list[Reference]:
    mark = cv.mark()
    try:
        return mapper(cv, statement, place)
    except _DATA_ERRORS as error:
        if cv.strict:
            raise
        cv.forget_since(mark)
        cv.issue("error", "fault", f"The statement is not as expected ({type(error).__name__}).", statement)
        return []


def _convert_rest(
    cv: Conversion, statement: Element, place: Place, parent: Reference | None
) -> list[Reference]:
    """Convert what is inside a statement and was not taken; what has a parent is linked to it."""
    orphans: list[Reference] = []
    for part in parts_of(statement):
        if part.statement in cv.made_from or cv.is_used(part.statement):
            continue
        inside = place.within(statement, parent or place.parent, part.relation, part.inverted, part.negated)
        made = convert_statement(cv, part.statement, inside)
        if parent is None:
            orphans += made
        else:
            for child in made:
                link(cv, parent, child, part)
    return orphans


def _count(cv: Conversion, statement: Element) -> None:
    row = row_of(statement)
    template = row.template if row is not None else f"{name_of(statement)}/{mood_of(statement)}"
    cv.met[template] += 1
    if statement in cv.made_from or (cv.is_used(statement) and not cv.is_left(statement)):
        cv.structured[template] += 1
    else:
        cv.issue("warning", "entry", f"Nothing was made of a statement ({template}).", statement)
