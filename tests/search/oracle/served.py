"""A server with the material in its database, asked through its interactions in any View."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Flask

from fhir_server.app import CONTEXT, STORE
from fhir_server.interactions.assemble import Identity, stamp, written
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Reply, Request
from fhir_server.model import exact_json, predicate
from fhir_server.model.document import Access, Document, Facts
from fhir_server.model.outcome import FhirError
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import ActorRef, View
from fhir_server.store.open import Store

Resource = dict[str, Any]

OPEN = View.unrestricted("open")
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SHADES = 4
"""How many values `visibility` has here."""
LABELS = ("hidden", "")
MOST_PAGES = 400


@dataclass(frozen=True, slots=True)
class Eyes:
    """Whose record somebody sees (None: everyone's), without some shades and without what has the label."""

    owner: str | None = None
    shades: frozenset[int] = frozenset(range(SHADES))
    labelled: bool = True
    directory: frozenset[str] = frozenset()
    """Types that belong to nobody's record."""

    def see(self, facts: Facts) -> bool:
        """Return whether a document is seen."""
        owner = None if facts.resource_type in self.directory else self.owner
        mine = self.owner is None or facts.owner == owner
        return mine and facts.visibility in self.shades and (self.labelled or not facts.access.labels)

    def view(self) -> View:
        """Return the View that says the same."""
        shared: tuple[predicate.Predicate, ...] = (predicate.VisibilityIn(self.shades),)
        if not self.labelled:
            shared += (predicate.LabelsExclude(frozenset({LABELS[0]})),)
        reads = _ByType(self.owner, self.directory, shared)
        digest = hashlib.sha256(repr(self).encode()).digest()
        return View(
            ActorRef("test", "test"), "TREAT", self.owner, reads, {}, digest, directory=self.directory
        )


class _ByType(dict[str, predicate.Predicate]):
    """The same for every type but for the owner, whatever type is asked."""

    def __init__(
        self, owner: str | None, directory: frozenset[str], shared: tuple[predicate.Predicate, ...]
    ) -> None:
        super().__init__()
        self._owner, self._directory, self._shared = owner, directory, shared

    def __missing__(self, resource_type: str) -> predicate.Predicate:
        if self._owner is None:
            return predicate.AllOf(self._shared)
        owner = None if resource_type in self._directory else self._owner
        return predicate.AllOf((predicate.OwnerIs(owner), *self._shared))


@dataclass
class Served:
    """One application with planted resources; `resources` are as they are stored."""

    app: Flask
    resources: list[Resource] = field(default_factory=list)
    facts: dict[tuple[str, str], Facts] = field(default_factory=dict)

    @property
    def context(self) -> Context:
        context: Context = self.app.extensions[CONTEXT]
        return context

    @property
    def store(self) -> Store:
        store: Store = self.app.extensions[STORE]
        return store

    @property
    def directory(self) -> frozenset[str]:
        """Types of which nothing has an owner."""
        owned = {kind for (kind, _), facts in self.facts.items() if facts.owner is not None}
        return frozenset(kind for kind, _ in self.facts) - owned

    def plant(self, resources: Sequence[Resource]) -> None:
        """Store resources at instants of their own; those of two persons are left out."""
        documents = [
            document
            for number, resource in enumerate(resources)
            if (document := self._document(resource, number)) is not None
        ]
        for start in range(0, len(documents), 200):
            self.store.records.commit(UnitOfWork(OPEN, creates=tuple(documents[start : start + 200])))

    def _document(self, resource: Resource, number: int) -> Document | None:
        context = self.context
        try:
            owner = context.owners.owner_of(resource)
        except FhirError:
            return None
        updated = NOW - timedelta(hours=number % 400, minutes=number // 400)
        identity = Identity(resource["resourceType"], resource["id"], 1, updated)
        chance = hashlib.sha256(f"{identity.resource_type}/{identity.id}".encode()).digest()
        access = Access(labels=(LABELS[0],) if chance[1] % 5 == 0 else ())
        facts = Facts(identity.resource_type, identity.id, owner, chance[0] % SHADES, access)
        stamped = stamp(resource, identity)
        self.resources.append(exact_json.decode(exact_json.encode(stamped)))
        self.facts[identity.resource_type, identity.id] = facts
        return written(context, stamped, identity, facts, updated, number)

    def ask(self, url: str, view: View = OPEN, *, strict: bool = True) -> Reply:
        """Return the answer to a GET of an address below the base, or of an absolute one."""
        from fhir_server.interactions.request import Prefer

        found = self.context.dispatcher.find("GET", url)
        request = Request(
            found.interaction.name, view, NOW, "asked", found.resource_type, found.id, found.version_id,
            found.query, prefer=Prefer(strict=strict), compartment=found.within,
        )  # fmt: skip
        return found.interaction.handler(self.context, request)

    def bundle(self, url: str, view: View = OPEN) -> Resource:
        """Return the searchset of a search."""
        tree: Resource = exact_json.decode(self.ask(url, view).body)
        return tree

    def pages(self, path: str, pairs: Sequence[tuple[str, str]], view: View = OPEN) -> list[Resource]:
        """Return every page of a search, by its next links."""
        url = f"{path}?{urlencode(pairs)}"
        found: list[Resource] = []
        while True:
            found.append(self.bundle(url, view))
            following = [link["url"] for link in found[-1]["link"] if link["relation"] == "next"]
            if not following:
                return found
            assert len(found) < MOST_PAGES, f"{url} does not end"
            (url,) = following

    def pages_before(self, page: Resource, view: View, most: int) -> list[Resource]:
        """Return the pages before a page, in the order of the whole; fails where they are more than `most`."""
        found: list[Resource] = []
        while links := [link["url"] for link in page["link"] if link["relation"] == "previous"]:
            assert len(found) < most
            page = self.bundle(links[0], view)
            found.insert(0, page)
        return found


def matched(pages: Iterable[Resource]) -> list[str]:
    """Return the ids of what matched, in order."""
    return [entry["resource"]["id"] for page in pages for entry in page.get("entry", ()) if is_match(entry)]


def is_match(entry: Resource) -> bool:
    """Return whether an entry is a match and not an include or an outcome."""
    return bool(entry["search"]["mode"] == "match")
