"""The operations (`$name`): one file each, discovered; each exports its row of the interactions' table.

To add one: write `operations/<name>.py` with a handler `(context, request) -> reply` and
`INTERACTIONS = (Interaction("$name", level, method, shape, handler, declared=False, definition=url), …)`;
`url` is the canonical of its OperationDefinition, by whose facts `interactions.operation_input` reads the
call.  An operation of our own exports `DEFINITION` too, an OperationDefinition whose url is
`own.operation(code)`, relative to our canonical base; what makes sense only where access is governed has
`governed=True` in its rows.  The rows join those of the REST interactions: routes, entries of a Bundle, the
OpenAPI document and the CapabilityStatement follow from them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType

from fhir_server.interactions.dispatch import Interaction
from fhir_server.model import own
from fhir_server.model.outcome import DEFAULT_CANONICAL_BASE
from profiles.definitions import OperationDefinition


def operations(
    canonical_base: str = DEFAULT_CANONICAL_BASE, *, governed: bool = False
) -> tuple[Interaction, ...]:
    """Return the rows of every operation in this folder, in the order of their files.

    Those that make sense only under access control are there only where `governed` says so.
    """
    rows = (row for module in _modules() for row in module.INTERACTIONS)
    return tuple(
        replace(row, definition=own.absolute(canonical_base, row.definition)) if row.definition else row
        for row in rows
        if governed or not row.governed
    )


def definitions(canonical_base: str = DEFAULT_CANONICAL_BASE) -> Mapping[str, OperationDefinition]:
    """Return the OperationDefinitions of our own by canonical."""
    found = [module.DEFINITION for module in _modules() if hasattr(module, "DEFINITION")]
    absolute = [replace(one, url=own.absolute(canonical_base, one.url)) for one in found]
    return {one.url: one for one in absolute}


def _modules() -> tuple[ModuleType, ...]:
    return tuple(
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    )
