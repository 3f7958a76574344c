"""Number parameters: exact decimals; `eq` covers what the precision of the query value implies.

Spec: https://hl7.org/fhir/R4/search.html#number
"""

from __future__ import annotations

from typing import Any

from fhir_server.model.number import literal
from fhir_server.model.plan import AmountWithin, Condition, Or
from fhir_server.search.amount import LOWEST, AmountValue, bounds, read_amount, within
from fhir_server.search.collector import Collector, Sink
from fhir_server.search.escape import unescape
from fhir_server.search.parameter import Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.source import Source
from fhir_server.search.types.quantity import range_bounds

_NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt", "decimal"})


def _sink(name: str, source: Source, _parameter: Parameter, _setting: Setting) -> Sink | None:
    if source.type in _NUMBERS:

        def sink(value: Any, out: Collector) -> None:
            out.number[(name, *bounds(literal(value)))] = None

        return sink
    if source.type == "Range":

        def range_sink(value: Any, out: Collector) -> None:
            limits = range_bounds(value)
            if limits is not None:
                out.number[(name, *limits)] = None

        return range_sink
    return None


def _read(parameter: Parameter, _modifier: str | None, text: str, _reading: Reading) -> AmountValue:
    return read_amount(parameter.code, unescape(text))


def _bind(filter: Filter, _systems: SystemsOf) -> Condition:
    parts = [
        within(AmountWithin("number", name), value)
        for name in filter.parameter.names
        for value in filter.values
    ]
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _present(parameter: Parameter) -> Condition:
    return Or(tuple(AmountWithin("number", name, low_from=LOWEST) for name in parameter.names))


TYPE = ParameterType("number", frozenset(), _sink, _read, _bind, _present)
