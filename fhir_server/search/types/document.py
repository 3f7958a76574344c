"""`_id` and `_lastUpdated`: facts of the document itself, for which nothing is extracted.

Spec: https://hl7.org/fhir/R4/search.html#all
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from fhir_server.model.plan import And, Condition, IdIn, Negation, Or, UpdatedWithin
from fhir_server.search.collector import Sink
from fhir_server.search.escape import unescape
from fhir_server.search.parameter import Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.source import Source
from fhir_server.search.types import date
from fhir_server.search.types.date import DateValue


def _no_sink(_name: str, _source: Source, _parameter: Parameter, _setting: Setting) -> Sink | None:
    return None


def _always(_parameter: Parameter) -> Condition:
    return And(())


def _read_id(_parameter: Parameter, _modifier: str | None, text: str, _reading: Reading) -> str:
    return unescape(text).strip()


def _bind_id(filter: Filter, _systems: SystemsOf) -> Condition:
    ids = IdIn(tuple(dict.fromkeys(filter.values)))
    return Negation(ids) if filter.modifier == "not" else ids


def _bind_updated(filter: Filter, _systems: SystemsOf) -> Condition:
    values: tuple[DateValue, ...] = filter.values
    parts = [_UPDATED[value.prefix](value.interval.start, value.interval.end) for value in values]
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


_UPDATED: Mapping[str, Callable[[datetime, datetime], Condition]] = {
    "eq": lambda start, end: UpdatedWithin(start, end),
    "ne": lambda start, end: Or((UpdatedWithin(None, start), UpdatedWithin(end, None))),
    "gt": lambda _start, end: UpdatedWithin(end, None),
    "lt": lambda start, _end: UpdatedWithin(None, start),
    "ge": lambda start, _end: UpdatedWithin(start, None),
    "le": lambda _start, end: UpdatedWithin(None, end),
    "sa": lambda _start, end: UpdatedWithin(end, None),
    "eb": lambda start, _end: UpdatedWithin(None, start),
    "ap": lambda start, end: UpdatedWithin(start, end),
}

ID = ParameterType("token", frozenset({"not"}), _no_sink, _read_id, _bind_id, _always)
UPDATED = ParameterType("date", frozenset(), _no_sink, date.TYPE.read, _bind_updated, _always)
