"""URI parameters: equal to the letter, case included.

`:below` finds what continues the value after a `/`, `:above` what the value continues; both include the value
itself, and neither takes a URN, which has no hierarchy.

Spec: https://hl7.org/fhir/R4/search.html#uri
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Condition, Has, Or, StartsWith, TextField
from fhir_server.search.collector import Collector, Sink
from fhir_server.search.escape import unescape
from fhir_server.search.parameter import Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.source import Source
from fhir_server.search.spelling import MAX_TEXT, plain

_ABOVE, _BELOW = "above", "below"
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


def _read(parameter: Parameter, modifier: str | None, text: str, _reading: Reading) -> str:
    text = unescape(text)
    if not text:
        raise refuse("illegal-parameter-value", f"`{parameter.code}` needs a URI.")
    if modifier in (_ABOVE, _BELOW):
        if text.startswith("urn:") or len(text) > MAX_TEXT:
            raise refuse(
                "illegal-parameter-value",
                f"`{parameter.code}:{modifier}` needs a URL with a path, of {MAX_TEXT} characters at most.",
            )
        return text.rstrip("/")
    return text


def _bind(filter: Filter, _systems: SystemsOf) -> Condition:
    field: TextField = "residual" if filter.parameter.residual else "token"
    values = dict.fromkeys(
        ending for value in filter.values for ending in _whole(filter.modifier, value)
    )  # fmt: skip
    equal = Has(field, tuple(plain(name, value) for name in filter.parameter.names for value in values))
    if filter.modifier != _BELOW:
        return equal
    beginnings = tuple(plain(name, f"{value}/") for name in filter.parameter.names for value in filter.values)
    return Or((equal, StartsWith(field, beginnings)))


def _whole(modifier: str | None, value: str) -> Iterable[str]:
    """Yield what is looked for to the letter: a path stands for itself with and without its last `/`."""
    if modifier not in (_ABOVE, _BELOW):
        yield value
        return
    yield from (value, f"{value}/")
    root = value.find("/", value.find("://") + 3)
    while modifier == _ABOVE and root >= 0 and value.count("/", root):
        value = value.rpartition("/")[0]
        yield from (value, f"{value}/")


def _present(parameter: Parameter) -> Condition:
    field: TextField = "residual" if parameter.residual else "token"
    return StartsWith(field, tuple(f"{name}=" for name in parameter.names))


TYPE = ParameterType("uri", frozenset({_ABOVE, _BELOW}), _sink, _read, _bind, _present)
