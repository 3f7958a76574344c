"""Slices: which of them each repetition belongs to, and whether there are as many as there must be.

Spec: https://hl7.org/fhir/R4/profiling.html#slicing
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fhir_server.fhirpath import Node
from fhir_server.validation.profile.discriminators import Condition
from fhir_server.validation.profile.session import Check, Session


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """One slice; `inner` is how it is sliced again.

    `candidate` tells what could be meant for a slice that only a conforming element belongs to.
    """

    name: str
    min: int
    max: int | None
    condition: Condition
    candidate: Condition | None
    check: Check | None
    inner: Sliced | None


@dataclass(frozen=True, slots=True, eq=False)
class Sliced:
    """How the repetitions of one element fall into slices."""

    slices: tuple[Slice, ...]
    rules: Literal["open", "closed", "openAtEnd"]
    ordered: bool

    @property
    def least(self) -> int:
        """How many repetitions the slices need together."""
        return sum(each.min for each in self.slices)


class _Sorting:
    """The repetitions by slice; `possible` are slices that one may belong to for all that is known."""

    __slots__ = ("latest", "members", "outside", "possible")

    def __init__(self, count: int) -> None:
        self.members: list[list[Node]] = [[] for _ in range(count)]
        self.possible: set[int] = set()
        self.outside: list[Node] = []
        self.latest = -1


def check_slices(sliced: Sliced, nodes: Sequence[Node], above: Node, name: str, session: Session) -> None:
    """Report what the slices of an element lack or may not have: of `name`, below `above`."""
    sorting = _Sorting(len(sliced.slices))
    for node in nodes:
        _sort(sliced, node, sorting, session)
    for at, (each, inside) in enumerate(zip(sliced.slices, sorting.members)):
        if len(inside) < each.min:
            if at not in sorting.possible:
                _lacking(each, len(inside), sorting.outside, f"{above.path}.{name}", session)
        elif each.max is not None and len(inside) > each.max:
            text = f": the slice {each.name} has {len(inside)}, at most {each.max} allowed."
            session.fault("cardinality", text, f"{above.path}.{name}")
        if each.check is not None:
            for node in inside:
                each.check(node, session)
        if each.inner is not None:
            check_slices(each.inner, inside, above, name, session)


def _sort(sliced: Sliced, node: Node, sorting: _Sorting, session: Session) -> None:
    is_open = False
    for at, each in enumerate(sliced.slices):
        answer = each.condition(node, session)
        if answer is None:
            is_open = True
            sorting.possible.add(at)
        elif answer:
            _place(sliced, at, node, sorting, session)
            return
    if is_open:
        return
    sorting.outside.append(node)
    if sliced.rules == "closed":
        names = ", ".join(each.name for each in sliced.slices)
        session.fault("no-such-slice", f" is none of the allowed: {names}.", node)


def _place(sliced: Sliced, at: int, node: Node, sorting: _Sorting, session: Session) -> None:
    sorting.members[at].append(node)
    if sliced.rules == "openAtEnd" and sorting.outside:
        session.fault("no-such-slice", " must come before what is in no slice.", node)
    if sliced.ordered and at < sorting.latest:
        text = f" ({sliced.slices[at].name}) must come before {sliced.slices[sorting.latest].name}."
        session.fault("no-such-slice", text, node)
    sorting.latest = max(sorting.latest, at)


def _lacking(each: Slice, count: int, outside: Sequence[Node], place: str, session: Session) -> None:
    """Say what keeps the one element that could be meant out of the slice, else that it is missing."""
    if each.candidate is not None and each.check is not None:
        meant = [node for node in outside if each.candidate(node, session)]
        if len(meant) == 1 and not session.passes(each.check, meant[0]):
            each.check(meant[0], session)
            return
    text = f": the slice {each.name} has {count}, at least {each.min} needed."
    session.fault("missing-element", text, place)
