"""What a search of AuditEvent asks of the access log: one reader for each parameter.

To support a parameter, add its reader to `READERS`.
Spec: https://hl7.org/fhir/R4/auditevent.html#search
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Final

from fhir_server.access.audit_codes import ACTIONS
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Pairs, Request
from fhir_server.interactions.shaping import NAMES as SHAPING
from fhir_server.model.journal import JournalPlan, Place
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.temporal import Interval, parse_interval
from fhir_server.search.escape import split_unescaped, unescape
from fhir_server.search.prefix import split_prefix
from fhir_server.search.result_parameters import CURSOR

OPERATION: Final = "operation"
REST: Final = frozenset(ACTIONS) | {
    "search-type", "search-system", "history-type", "history-system", "transaction", "batch",
    "capabilities", "unknown",
}  # fmt: skip
OUTCOMES: Final = MappingProxyType({"0": (100, 400), "4": (400, 500), "8": (500, 600), "12": (600, 700)})
FORMS: Final = frozenset({"_format", "_pretty"}) | SHAPING


@dataclass(frozen=True, slots=True)
class Asked:
    """A search that was understood.  `entities` are relative addresses: one of them was shown or written."""

    plan: JournalPlan = field(default_factory=JournalPlan)
    entities: frozenset[str] = frozenset()
    used: Pairs = ()
    ignored: tuple[str, ...] = ()
    only_total: bool = False
    total: bool = False

    @property
    def digest(self) -> bytes:
        """32 bytes that stand for what is searched and in which order, but not for the page."""
        said = sorted(pair for pair in self.used if pair[0] not in ("_count", "_total", CURSOR))
        return hashlib.sha256(json.dumps(["AuditEvent", said]).encode()).digest()


@dataclass(frozen=True, slots=True)
class Reading:
    """What the readers know of the server."""

    base_url: str
    zone: tzinfo
    page_size_max: int

    def relative(self, text: str) -> str:
        """Return an address without the base of this server."""
        return unescape(text).removeprefix(self.base_url + "/")


Reader = Callable[[Asked, str, Reading], Asked]


def read_query(context: Context, request: Request, pairs: Pairs) -> Asked:
    """Return what the parameters ask.

    Raises FhirError `illegal-parameter-value`, `unsupported-modifier`, `unknown-parameter`,
    `illegal-cursor`.
    """
    reading = Reading(context.base_url, context.zone, context.limits.page_size_max)
    asked = Asked(JournalPlan(count=context.limits.page_size))
    cursor = None
    for name, value in pairs:
        if name in FORMS and (name, value) != ("_summary", "count"):
            continue
        if name == CURSOR:
            cursor = value
            continue
        read = _reader(name)
        if read is None or not value:
            if request.prefer.strict:
                raise _unknown()
            asked = replace(asked, ignored=(*asked.ignored, name))
            continue
        asked = replace(read(asked, value, reading), used=(*asked.used, (name, value)))
    if cursor is None:
        return asked
    position = context.cursors.open(cursor, asked.digest, request.view.digest)
    if position.sort is None:
        raise refuse("illegal-cursor", "This `_cursor` was not made for this search.")
    return replace(asked, plan=replace(asked.plan, after=Place(position.sort, position.id)))


def _reader(name: str) -> Reader | None:
    code, colon, _ = name.partition(":")
    if colon and name not in READERS and code in READERS:
        text = f"`{code}` supports no such modifier here."
        raise refuse("unsupported-modifier", text)
    return READERS.get(name)


def _unknown() -> FhirError:
    text = f"There is no such search parameter for AuditEvent here. Supported: {', '.join(sorted(READERS))}."
    return refuse("unknown-parameter", text)


def _values(text: str) -> tuple[str, ...]:
    return tuple(value for value in split_unescaped(text, ",") if value)


def _patient(asked: Asked, text: str, reading: Reading) -> Asked:
    owners = tuple(reading.relative(value).removeprefix("Patient/") for value in _values(text))
    return replace(asked, plan=replace(asked.plan, owners=owners))


def _identified(asked: Asked, text: str, reading: Reading) -> Asked:
    """The person was bound by the gate, and the View is theirs."""
    del text, reading
    return asked


def _id(asked: Asked, text: str, reading: Reading) -> Asked:
    del reading
    return replace(asked, plan=replace(asked.plan, ids=_values(text)))


def _date(asked: Asked, text: str, reading: Reading) -> Asked:
    prefix, literal = split_prefix(text)
    interval = parse_interval(literal, reading.zone)
    bounds = _BOUNDS.get(prefix)
    if interval is None or bounds is None:
        raise refuse(
            "illegal-parameter-value",
            "`date` needs one FHIR date, with one of the prefixes eq, ge, gt, le, lt, sa, eb or none.",
        )
    from_, before = bounds(interval)
    plan = asked.plan
    if from_ is not None:
        plan = replace(plan, from_=from_ if plan.from_ is None else max(plan.from_, from_))
    if before is not None:
        plan = replace(plan, before=before if plan.before is None else min(plan.before, before))
    return replace(asked, plan=plan)


_Bounds = Callable[[Interval], tuple[datetime | None, datetime | None]]
_BOUNDS: Final[Mapping[str, _Bounds]] = MappingProxyType({
    "eq": lambda interval: (interval.start, interval.end),
    "ge": lambda interval: (interval.start, None),
    "gt": lambda interval: (interval.end, None),
    "sa": lambda interval: (interval.end, None),
    "le": lambda interval: (None, interval.end),
    "lt": lambda interval: (None, interval.start),
    "eb": lambda interval: (None, interval.start),
})  # fmt: skip


def _action(asked: Asked, text: str, reading: Reading) -> Asked:
    del reading
    wanted = set(_codes(text))
    named = {name for name, code in ACTIONS.items() if code in wanted}
    if "E" in wanted:
        return _without(asked, frozenset(ACTIONS) - named)
    return _only(asked, named)


def _subtype(asked: Asked, text: str, reading: Reading) -> Asked:
    del reading
    wanted = set(_codes(text))
    if OPERATION in wanted:
        return _without(asked, REST - wanted)
    return _only(asked, wanted)


def _type(asked: Asked, text: str, reading: Reading) -> Asked:
    del reading
    return asked if "rest" in _codes(text) else _only(asked, ())


def _outcome(asked: Asked, text: str, reading: Reading) -> Asked:
    del reading
    wanted = tuple(OUTCOMES[code] for code in _codes(text) if code in OUTCOMES)
    if not wanted:
        return _only(asked, ())
    return replace(asked, plan=replace(asked.plan, statuses=wanted))


def _agent(asked: Asked, text: str, reading: Reading) -> Asked:
    agents = tuple(reading.relative(value).removeprefix("Patient/") for value in _values(text))
    return replace(asked, plan=replace(asked.plan, agents=agents))


def _agent_name(asked: Asked, text: str, reading: Reading) -> Asked:
    del reading
    names = tuple(unescape(value) for value in _values(text))
    return replace(asked, plan=replace(asked.plan, agent_names=names))


def _entity(asked: Asked, text: str, reading: Reading) -> Asked:
    return replace(asked, entities=frozenset(reading.relative(value) for value in _values(text)))


def _count(asked: Asked, text: str, reading: Reading) -> Asked:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise refuse("illegal-parameter-value", "`_count` needs a whole number.")
    count = min(int(text), reading.page_size_max)
    if count == 0:
        return replace(asked, only_total=True)
    return replace(asked, plan=replace(asked.plan, count=count))


def _sort(asked: Asked, text: str, reading: Reading) -> Asked:
    del reading
    if text not in ("date", "-date"):
        raise refuse("illegal-parameter-value", "AuditEvent is sorted by `date` or `-date`.")
    return replace(asked, plan=replace(asked.plan, descending=text == "-date"))


def _summary(asked: Asked, text: str, reading: Reading) -> Asked:
    del text, reading
    return replace(asked, only_total=True)


def _total(asked: Asked, text: str, reading: Reading) -> Asked:
    del reading
    if text not in ("none", "estimate", "accurate"):
        raise refuse("illegal-parameter-value", "`_total` needs `none`, `estimate` or `accurate`.")
    return replace(asked, total=text != "none")


def _codes(text: str) -> list[str]:
    return [unescape(value).rpartition("|")[2] for value in _values(text)]


def _only(asked: Asked, interactions: Iterable[str]) -> Asked:
    before = asked.plan.interactions
    wanted = frozenset(interactions)
    return replace(
        asked, plan=replace(asked.plan, interactions=wanted if before is None else before & wanted)
    )


def _without(asked: Asked, interactions: frozenset[str]) -> Asked:
    unwanted = asked.plan.not_interactions | interactions
    return replace(asked, plan=replace(asked.plan, not_interactions=unwanted))


READERS: Final[Mapping[str, Reader]] = MappingProxyType({
    "_id": _id, "patient": _patient, "patient:Patient": _patient, "patient:identifier": _identified,
    "patient.identifier": _identified, "date": _date, "_lastUpdated": _date, "action": _action,
    "type": _type, "subtype": _subtype, "outcome": _outcome, "agent": _agent, "agent:identifier": _agent,
    "agent-name": _agent_name, "entity": _entity, "_count": _count, "_sort": _sort, "_summary": _summary,
    "_total": _total,
})  # fmt: skip
