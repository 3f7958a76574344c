"""URI parameters: equal to the letter, case included.

Spec: https://hl7.org/fhir/R4/search.html#uri
"""

from __future__ import annotations

from typing import Any

from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Condition, Has, StartsWith, TextField
from fhir_server.search.collector import Collector, Sink
from fhir_server.search.escape import unescape
from fhir_server.search.parameter import Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.source import Source
from fhir_server.search.spelling import plain

_TYPES = frozenset({"uri", "url", "canonical", "oid", "uuid"})


def _sink(name: str, source: Source, parameter: Parameter, _setting: Setting) -> Sink | None:
    if source.type not in _TYPES:
        return None
    residual = parameter.residual
    versioned = source.type == "canonical"

    def sink(value: Any, out: Collector) -> None:
        entries = out.residual if residual else out.token
        entries[plain(name, value)] = None
        if versioned and "|" in value:
            entries[plain(name, value.partition("|")[0])] = None

    return sink


def _read(parameter: Parameter, _modifier: str | None, text: str, _reading: Reading) -> str:
    text = unescape(text)
    if not text:
        raise refuse("illegal-parameter-value", f"`{parameter.code}` needs a URI.")
    return text


def _bind(filter: Filter, _systems: SystemsOf) -> Condition:
    spelled = tuple(plain(name, value) for name in filter.parameter.names for value in filter.values)
    return Has("residual" if filter.parameter.residual else "token", spelled)


def _present(parameter: Parameter) -> Condition:
    field: TextField = "residual" if parameter.residual else "token"
    return StartsWith(field, tuple(f"{name}=" for name in parameter.names))


TYPE = ParameterType("uri", frozenset(), _sink, _read, _bind, _present)
