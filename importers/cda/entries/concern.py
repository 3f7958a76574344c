"""Concern acts: what is followed over time, around the problems or allergies that it is about."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from importers.cda import datatypes, extensions
from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.entries import engine
from importers.cda.entries import statement as st
from importers.cda.entries.answers import is_taken, take_frame
from importers.cda.entries.engine import Mapper
from importers.cda.entries.parts import Part, parts_of
from importers.cda.entries.place import Place
from importers.cda.entries.templates import name_of, row_of
from importers.cda.xml import child, children

_CLINICAL: Mapping[str, str] = {
    "active": "active",
    "suspended": "inactive",
    "aborted": "inactive",
    "completed": "resolved",
}
"""statusCode of a concern → clinical status of what it is about, where that has none of its own."""


_REACTION = 512
"""Characters that a manifestation costs each statement of the concern that shows in it, about."""


@dataclass(frozen=True, slots=True)
class Concern:
    """The concern around a statement: the status it gives, and the parts that stand in it, by their number.

    `waiting`: kind → the parts of it in their order, of which those that were taken leave on the left.
    `is_open`: no end of it is known, whatever its status says.
    """

    act: Element
    clinical: str | None
    waiting: Mapping[str, deque[tuple[int, Part]]]
    manifestations: tuple[tuple[int, Part], ...]
    is_open: bool


def concern(cv: Conversion, act: Element, place: Place) -> list[Reference]:
    """Convert what a concern is about; it makes no resource itself."""
    made: list[Reference] = []
    authors: tuple[Reference, ...] | None = None
    for part in parts_of(act):
        if part.is_part or (part.row is None and name_of(part.statement) == "act"):
            continue
        inside = place.within(act, None, part.relation, part.inverted, part.negated)
        if child(part.statement, "author") is None:
            authors = tuple(st.authors(cv, act, place)) if authors is None else authors
            inside = replace(inside, authors=authors)
        made += engine.convert_statement(cv, part.statement, inside)
    if made:
        _keep(cv, act, cv.resource(made[0]), alone=len(made) == 1)
        take_frame(cv, act)
    return made


def concern_of(cv: Conversion, place: Place) -> Concern | None:
    """Return the concern around a statement, None if there is none."""
    act = place.around
    row = None if act is None else row_of(act)
    if act is None or row is None or row.mapper != "concern":
        return None
    return cv.once(_of_act, act)


def _of_act(_cv: Conversion, act: Element) -> Concern:
    """Return the concern that an act is, the same one for all that stand in it: they may be thousands."""
    waiting: dict[str, deque[tuple[int, Part]]] = {}
    own = tuple((number, part) for number, part in enumerate(parts_of(act)) if part.is_part)
    for number, part in own:
        waiting.setdefault(part.kind, deque()).append((number, part))
    shown = tuple((number, part) for number, part in own if part.relation == "MFST")
    return Concern(act, _CLINICAL.get(st.state_of(act)), waiting, shown, not st.has_end(act))


def offered(cv: Conversion, around: Concern | None) -> list[Part]:
    """Return the parts of a concern for a statement in it: what it shows in, the next answer of each kind."""
    if around is None:
        return []
    cv.repeats(_REACTION * len(around.manifestations))
    found = dict(around.manifestations)
    for waiting in around.waiting.values():
        while waiting and (waiting[0][1].is_denied or is_taken(cv, waiting[0][1].statement)):
            waiting.popleft()
        found.update([waiting[0]] if waiting else [])
    return [found[number] for number in sorted(found)]


def put_concern_period(
    cv: Conversion, resource: Resource, statement: Element, around: Concern | None
) -> None:
    """Keep when the concern was followed, where it is not simply the time of what it is about."""
    node = None if around is None else child(around.act, "effectiveTime")
    if node is None:
        return
    own = child(statement, "effectiveTime")
    if own is not None and _values(own) == _values(node):
        cv.take_all(node)
        return
    period = datatypes.period(cv, node) if _says_when(node) else None
    if period is None:
        cv.leave(node, "only why it is not known when the concern was followed")
    else:
        extension = extensions.own(cv.base, extensions.CONCERN_PERIOD, "Period", period)
        st.add(resource, "extension", extension)


def _keep(cv: Conversion, act: Element, resource: dict[str, Any], alone: bool) -> None:
    """Keep the identifiers of a concern with the one thing that it is about."""
    for identifier in st.identifiers(cv, act) if alone else ():
        st.add(resource, "identifier", identifier)
    for node in () if alone else children(act, "id"):
        cv.leave(node, "the concern is about several things, none of which its id names")


def _says_when(node: Element) -> bool:
    return any(each.get("value") or each.get("nullFlavor") == "MSK" for each in node.iter())


def _values(node: Element) -> list[tuple[str, str | None]]:
    return [(str(each.tag), each.get("value") or each.get("nullFlavor")) for each in node]


MAPPERS: Mapping[str, Mapper] = {"concern": concern}
