"""The systems that each token parameter was ever written with.

They are recorded before the transaction that writes them, so that whoever can see a resource can see its
systems: the list is complete at every moment, and may name a system whose only resource was never committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Final

from pymongo import UpdateOne

from fhir_server.model.document import Document
from fhir_server.store.catalogue import SYSTEMS, Catalogue
from fhir_server.store.reads import find_one
from fhir_server.store.refusals import database_errors
from profiles.registry import Registry

REMEMBERED: Final = 200_000
"""How many (type, parameter, system) this process remembers to have recorded, before it starts anew."""

Seen = tuple[str, str, str]


class MongoSystems:
    """Implements `search.ports.Systems`."""

    def __init__(self, catalogue: Catalogue, registry: Registry) -> None:
        self._systems = catalogue.service(SYSTEMS)
        self._registry = registry
        self._known: set[Seen] = set()
        self._lock = Lock()

    def of(self, resource_type: str, parameter: str) -> Sequence[str]:
        """Return the systems, `""` for codes without one, sorted, complete up to now.  One round trip."""
        with database_errors():
            found = find_one(self._systems, {"_id": _name(resource_type, parameter)}, {"systems": 1})
        return tuple(sorted(found["systems"])) if found is not None else ()

    def note(self, documents: Iterable[Document]) -> None:
        """Record the systems of documents that are about to be written; durable when this returns.

        No round trip where all of them were recorded by this process before.
        """
        unknown = {seen for document in documents for seen in self._seen(document)} - self._known
        if not unknown:
            return
        grouped: dict[str, list[str]] = {}
        for resource_type, parameter, system in sorted(unknown):
            grouped.setdefault(_name(resource_type, parameter), []).append(system)
        with database_errors():
            self._systems.bulk_write(
                [_addition(name, systems) for name, systems in grouped.items()],
                ordered=False,
            )
        with self._lock:
            if len(self._known) > REMEMBERED:
                self._known = set()
            self._known |= unknown

    def _seen(self, document: Document) -> Iterator[Seen]:
        resource_type = document.facts.resource_type
        parameters = self._registry.parameters.get(resource_type, {})
        for token in document.search.token:
            name, _, value = token.partition("=")
            parameter = parameters.get(name)
            if parameter is not None and parameter.type != "token":
                continue
            # A bar can be part of a system or of a code: each place where they may part counts.
            at = value.find("|")
            while at >= 0:
                yield resource_type, name, value[:at]
                at = value.find("|", at + 1)


def _name(resource_type: str, parameter: str) -> str:
    return f"{resource_type}?{parameter}"


def _addition(name: str, systems: list[str]) -> UpdateOne:
    added = {"$addToSet": {"systems": {"$each": systems}}}
    return UpdateOne({"_id": {"$eq": name}}, added, upsert=True)
