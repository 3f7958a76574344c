"""Views that were decided, remembered for as long as nothing that they follow from is another.

A View follows from the actor, the purpose, the person, the person's choices as they are stored now, and the
instant.  The choices are read for every request and compared here, so a change counts for the very next one.
Between two instants at which one of their periods begins or ends, the instant changes nothing, but where
something is withheld until it opens: such a View holds the instant itself and is decided each time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from fhir_server.access.choices import CLOCK_TOLERANCE
from fhir_server.access.decide import decide
from fhir_server.access.person_choices import Period, PersonChoices, no_choices, read_choices
from fhir_server.access.policy import Policy
from fhir_server.access.predicates import ByType
from fhir_server.model.actor import Actor
from fhir_server.model.predicate import AllOf, AnyOf, Not, OpensBy, Predicate
from fhir_server.model.view import View

CAPACITY: Final = 4_096

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)

_Key = tuple[Actor, str, str]


@dataclass(frozen=True, slots=True)
class _Decided:
    """A View and what it follows from: the choices document, and the instants `from_ <= now < until`."""

    document: Mapping[str, Any] | None
    from_: datetime
    until: datetime
    view: View


class Views:
    """Decides by one policy; the Views least recently asked for are forgotten first.  Shared by threads."""

    def __init__(self, policy: Policy, capacity: int = CAPACITY) -> None:
        self._policy = policy
        self._capacity = capacity
        self._known: OrderedDict[_Key, _Decided] = OrderedDict()
        self._lock = threading.Lock()

    def view(
        self, actor: Actor, purpose: str, owner: str, document: Mapping[str, Any] | None, now: datetime
    ) -> View:
        """Return what `decide` says by the choices in `document`, as it is stored; None: none were made.

        Raises what `decide` raises; a refusal is decided anew each time.
        """
        key = (actor, purpose, owner)
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
        if known is not None and known.from_ <= now < known.until and known.document == document:
            return known.view
        choices = choices_of(owner, document)
        view = decide(self._policy, actor, purpose, owner, choices, now)
        if not _follows_clock(view):
            self._remember(key, _Decided(document, *_steady(choices, now), view))
        return view

    def _remember(self, key: _Key, decided: _Decided) -> None:
        with self._lock:
            self._known[key] = decided
            self._known.move_to_end(key)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)


def choices_of(owner: str, document: Mapping[str, Any] | None) -> PersonChoices:
    """Return the choices of a person by their document; None: none were made."""
    return no_choices(owner) if document is None else read_choices(document)


def _steady(choices: PersonChoices, now: datetime) -> tuple[datetime, datetime]:
    """Return the instants `from_ <= t < until` around `now` in which no period begins or ends."""
    turns = [instant for period in _periods(choices) for instant in (period.from_, period.until)]
    turns.append(None if choices.at is None else choices.at - CLOCK_TOLERANCE)
    past = [instant for instant in turns if instant is not None and instant <= now]
    to_come = [instant for instant in turns if instant is not None and instant > now]
    return max(past, default=_FIRST), min(to_come, default=_LAST)


def _periods(choices: PersonChoices) -> Iterator[Period]:
    yield from (one.period for one in choices.authorisations)
    yield from (one.period for one in choices.roles)
    yield from (one.period for one in choices.services)


def _follows_clock(view: View) -> bool:
    return any(_has_instant(one) for one in (*_parts(view.by_type), *_parts(view.write)))


def _parts(predicates: Mapping[str, Predicate]) -> Iterator[Predicate]:
    if isinstance(predicates, ByType):
        if predicates.default is not None:
            yield predicates.default
        yield from predicates.special.values()
        yield from predicates.directory.values()
    else:
        yield from predicates.values()


def _has_instant(predicate: Predicate) -> bool:
    match predicate:
        case OpensBy():
            return True
        case AllOf(parts) | AnyOf(parts):
            return any(_has_instant(part) for part in parts)
        case Not(part):
            return _has_instant(part)
    return False
