"""The three functions of a parameter type, and the table of all types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_server.model.plan import Condition
from fhir_server.search.collector import Sink
from fhir_server.search.parameter import Filter, Parameter, Reading, Setting
from fhir_server.search.source import Source

SystemsOf = Callable[[str], Sequence[str]]
"""Maps a parameter name to the systems it was ever written with, for the type being searched."""


MakeSink = Callable[[str, Source, Parameter, Setting], Sink | None]
"""Returns what writes the values of a source under a name; None where they say nothing."""


@dataclass(frozen=True, slots=True)
class ParameterType:
    """`modifiers` are those that `read` understands, besides `missing`, which every type has.

    `read(parameter, modifier, text, reading)` raises FhirError `illegal-parameter-value`.
    `bind(filter, systems)` gives the condition of one filter, its values joined by OR.
    `present(parameter)` gives what holds when a resource has any value; None where nothing can tell.
    """

    name: str
    modifiers: frozenset[str]
    sink: MakeSink
    read: Callable[[Parameter, str | None, str, Reading], Any]
    bind: Callable[[Filter, SystemsOf], Condition]
    present: Callable[[Parameter], Condition] | None
    whole: bool = False
    """Whether a comma is part of its value: there is one value, and no OR."""
