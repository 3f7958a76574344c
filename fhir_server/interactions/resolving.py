"""Where references lead while something is validated: entries written with it, then the server in the View.

What the View hides is found as little as what is absent, and both cost one look-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from fhir_server.interactions.context import Context
from fhir_server.interactions.read import entity
from fhir_server.interactions.request import Request, Shown
from fhir_server.model import exact_json
from fhir_server.model.reference import ReferenceKind, parse_reference

MOST_LOOKUPS: Final = 100
"""Resources that are read from the server for one validation; further references count as unresolved."""

Found = Mapping[str, Any] | None
NOTHING: Final[Mapping[str, Found]] = MappingProxyType({})


class Resolver:
    """Finds what references name for one request; each is looked up once.  Not shared between threads."""

    def __init__(self, context: Context, request: Request, together: Mapping[str, Found] = NOTHING) -> None:
        """`together`: `Type/id` or fullUrl → what is written in the same commit, None for what it deletes."""
        self._context = context
        self._request = request
        self._together = together
        self._known: dict[str, Found] = {}
        self._shown: list[Shown] = []

    def __call__(self, text: str) -> Found:
        """Return the resource that a reference names, None where it is not to be had."""
        if text in self._together:
            return self._together[text]
        named = parse_reference(text, self._context.base_url)
        if named.kind is not ReferenceKind.RELATIVE or named.type is None or named.id is None:
            return None
        address = f"{named.type}/{named.id}"
        if address in self._together:
            return self._together[address]
        if address not in self._known:
            is_type = named.type in self._context.registry.resource_types
            may = is_type and len(self._known) < MOST_LOOKUPS
            self._known[address] = self._read(named.type, named.id) if may else None
        return self._known[address]

    @property
    def shown(self) -> tuple[Shown, ...]:
        """What was found on the server, of the records of persons."""
        return tuple(self._shown)

    def _read(self, resource_type: str, id: str) -> Found:
        stored = self._context.records.read(resource_type, id, self._request.view)
        if stored is None or stored.deleted:
            return None
        if stored.owner is not None:
            self._shown.append(Shown(stored.owner, entity(stored.resource_type, stored.id, stored.version)))
        resource: dict[str, Any] = exact_json.decode(stored.body)
        return resource
