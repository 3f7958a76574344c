"""The operations (`$name`): one file each, discovered; each exports its row of the interactions' table.

To add one: write `operations/<name>.py` with a handler `(context, request) -> reply` and
`INTERACTIONS = (Interaction("$name", level, method, shape, handler, declared=False, definition=url), …)`;
`url` is the canonical of its OperationDefinition, by whose facts `interactions.operation_input` reads the
call.  The rows join those of the REST interactions: routes, entries of a Bundle, the OpenAPI document and
the CapabilityStatement follow from them.
"""

from __future__ import annotations

import importlib
import pkgutil

from fhir_server.interactions.dispatch import Interaction


def operations() -> tuple[Interaction, ...]:
    """Return the rows of every operation in this folder, in the order of their files."""
    modules = (
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    )
    return tuple(row for module in modules for row in module.INTERACTIONS)
