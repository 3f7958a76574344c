"""Parameters whose expression is more than a path: evaluated by the FHIRPath engine."""

from __future__ import annotations

from typing import Any

from fhir_server.fhirpath import Compiled, FhirPathError
from fhir_server.search.collector import Collector, Sink
from fhir_server.search.parameter import Parameter, Setting
from fhir_server.search.parameter_types import TYPES
from fhir_server.search.source import Source


def computed_sink(parameter: Parameter, expression: Compiled, setting: Setting) -> Sink:
    """Return what evaluates the expression over a whole resource and writes each result by its type."""
    make = TYPES[parameter.type].sink
    sinks: dict[str, Sink | None] = {}

    def sink(value: Any, out: Collector) -> None:
        try:
            results = expression.evaluate_pairs(value)
        except FhirPathError:
            # The expression does not apply to this content: there is nothing to find it by.
            return
        for found, type_name in results:
            if type_name not in sinks:
                sinks[type_name] = make(parameter.code, Source((), type_name), parameter, setting)
            write = sinks[type_name]
            if write is not None:
                write(found, out)

    return sink
