"""The first step: what the entries ask, every one understood and of sound structure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_server.interactions.assemble import refuse_subsetted
from fhir_server.interactions.context import Context
from fhir_server.interactions.entries import Entry, entries_of, read_entry
from fhir_server.interactions.incoming import FATAL, check_id, check_type
from fhir_server.interactions.request import Request
from fhir_server.model.outcome import FhirError, Issue, refuse
from fhir_server.validation.bundle_rules import full_url_disagreements

WRITES = frozenset({"create", "update", "patch", "delete"})
READS = frozenset({"read", "vread", "history-instance", "search-type", "search-system", "capabilities"})
EXISTING = WRITES - {"create"}
MAX_ISSUES = 100


@dataclass(frozen=True, slots=True)
class Planned:
    """The entries by what they do; `new_ids` are those of the resources to be created, by position."""

    entries: tuple[Entry, ...]
    new_ids: dict[int, str]

    def of(self, interaction: str) -> Iterable[Entry]:
        """Return the entries of one interaction."""
        return (entry for entry in self.entries if entry.address.interaction.name == interaction)

    @property
    def existing(self) -> Sequence[Entry]:
        """The entries about resources that are there already, or may be: all writes but creates."""
        return [entry for entry in self.entries if entry.address.interaction.name in EXISTING]

    @property
    def reads(self) -> Sequence[Entry]:
        """The entries that change nothing."""
        return [entry for entry in self.entries if entry.address.interaction.name in READS]


def plan(context: Context, request: Request) -> Planned:
    """Return the entries of a transaction.

    Raises FhirError with every fault found: `malformed-entry`, `type-mismatch`, `id-mismatch`,
    `same-resource-twice`, those of the addresses, then those of the structure.
    """
    entries: list[Entry] = []
    issues: list[Issue] = []
    for position, raw in enumerate(entries_of(context, request.body)):
        try:
            entry = read_entry(context, raw, position)
            _check(entry)
            entries.append(entry)
        except FhirError as error:
            issues.extend(error.issues)
    issues.extend(_twice(entries))
    if issues:
        raise FhirError(*issues[:MAX_ISSUES])
    _check_structure(context, request.body)
    for entry in entries:
        if isinstance(entry.resource, dict):
            refuse_subsetted(entry.resource, f"{entry.path}.resource")
    nameless = filter(_gets_id, entries)
    return Planned(tuple(entries), {entry.position: context.ids.new(request.now) for entry in nameless})


def _gets_id(entry: Entry) -> bool:
    """Return whether the server names what the entry creates, if it does."""
    name = entry.address.interaction.name
    return name == "create" or (name == "update" and not entry.address.id and "id" not in entry.resource)


def _check(entry: Entry) -> None:
    name = entry.address.interaction.name
    if name not in WRITES and name not in READS:
        text = "A transaction holds create, update, patch, delete, read, vread, history and search entries."
        raise refuse("malformed-entry", text, f"{entry.path}.request.url")
    if name in ("create", "update"):
        check_type(entry.resource, entry.address.resource_type, f"{entry.path}.resource")
    if name == "update" and entry.address.id and isinstance(entry.resource, dict):
        check_id(entry.resource, entry.address.id, f"{entry.path}.resource")


def _twice(entries: Iterable[Entry]) -> Iterable[Issue]:
    seen: dict[tuple[str, str], int] = {}
    for entry in entries:
        address = entry.address
        if address.interaction.name not in EXISTING or not address.id:
            continue
        first = seen.setdefault((address.resource_type, address.id), entry.position)
        if first != entry.position:
            text = f"The entry is about the same resource as entry {first}."
            yield Issue("same-resource-twice", text, f"{entry.path}.request.url")


def _check_structure(context: Context, bundle: Any) -> None:
    issues = context.validator.validate(bundle, "Bundle")
    if any(issue.severity in FATAL for issue in issues):
        raise FhirError(*issues)
    disagreeing = tuple(full_url_disagreements(bundle))
    if disagreeing:
        raise FhirError(*disagreeing[:MAX_ISSUES])
