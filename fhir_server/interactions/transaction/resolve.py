"""The second step: which resource each writing entry is about, and where references to it will point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fhir_server.interactions.context import Context
from fhir_server.interactions.entries import Entry, below
from fhir_server.interactions.lookup import Criteria, bind, find, several
from fhir_server.interactions.preconditions import check_if_match, check_if_none_match
from fhir_server.interactions.request import Request
from fhir_server.interactions.transaction.plan import Planned
from fhir_server.model.document import Stored
from fhir_server.model.outcome import FhirError


@dataclass(frozen=True, slots=True)
class Target:
    """The resource of an entry.

    `current` is the version that the entry meets (a conditional create: that it gives way to).
    `guard` are the criteria under which it is created.  `same_as` is the position of an earlier entry with
    the same criteria, which creates it.
    """

    resource_type: str
    id: str
    current: Stored | None = None
    guard: Criteria | None = None
    same_as: int | None = None

    @property
    def reference(self) -> str:
        """`Type/id`."""
        return f"{self.resource_type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """`targets` by position; `addresses` from fullUrl, `criteria` from (type, key), both to `Type/id`."""

    targets: Mapping[int, Target]
    addresses: Mapping[str, str]
    criteria: dict[tuple[str, str], str] = field(default_factory=dict)


def resolve(context: Context, request: Request, planned: Planned) -> Resolved:
    """Return what the entries are about.

    Raises FhirError `multiple-matches`, `criteria-needed`, `stale-version`, `exists`.
    """
    targets: dict[int, Target] = {}
    criteria: dict[tuple[str, str], str] = {}
    first_of: dict[tuple[str, str], int] = {}
    for entry in planned.of("create"):
        target = _created(context, request, planned, entry)
        if target.guard is not None:
            key = (target.resource_type, target.guard.key)
            first = first_of.setdefault(key, entry.position)
            if first != entry.position:
                target = Target(target.resource_type, targets[first].id, same_as=first)
            criteria[key] = target.reference
        targets[entry.position] = target
    existing = [*planned.of("update"), *planned.of("delete")]
    targets.update(_existing(context, request, existing))
    addresses = {
        entry.full_url: targets[entry.position].reference
        for entry in planned.entries
        if entry.full_url and entry.position in targets
    }
    return Resolved(targets, addresses, criteria)


def _created(context: Context, request: Request, planned: Planned, entry: Entry) -> Target:
    resource_type, id = entry.address.resource_type, planned.new_ids[entry.position]
    text = entry.conditions.if_none_exist
    if text is None:
        return Target(resource_type, id)
    place = f"{entry.path}.request.ifNoneExist"
    try:
        wanted = bind(context, request, resource_type, text)
    except FhirError as error:
        raise below(error, place) from None
    found = find(context, request, wanted)
    if len(found) > 1:
        raise several(place)
    if found:
        return Target(resource_type, found[0].id, found[0], wanted)
    return Target(resource_type, id, guard=wanted)


def _existing(context: Context, request: Request, entries: Iterable[Entry]) -> Mapping[int, Target]:
    ids: dict[str, list[str]] = {}
    for entry in entries:
        ids.setdefault(entry.address.resource_type, []).append(entry.address.id)
    current = {
        resource_type: context.records.read_many(resource_type, wanted, request.view)
        for resource_type, wanted in ids.items()
    }
    targets: dict[int, Target] = {}
    for entry in entries:
        address = entry.address
        stored = current[address.resource_type].get(address.id)
        check_if_match(entry.conditions, stored, f"{entry.path}.request.ifMatch")
        check_if_none_match(entry.conditions, stored, f"{entry.path}.request.ifNoneMatch")
        targets[entry.position] = Target(address.resource_type, address.id, stored)
    return targets
