"""The functions of FHIRPath, one module per chapter of the specification.

To add one: write it in the module of its chapter and name it in that module's `FUNCTIONS`; every module
here is discovered.  `table.py` has the makers that turn a Python function into a compiled call.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from fhir_server.fhirpath.functions.table import Function


def _discover() -> Mapping[str, Function]:
    found: dict[str, Function] = {}
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        for function in getattr(importlib.import_module(module.name), "FUNCTIONS", ()):
            if function.name in found:
                raise ValueError(f"two functions are named {function.name}")
            found[function.name] = function
    return MappingProxyType(found)


FUNCTIONS: Mapping[str, Function] = _discover()
"""Name → function."""
