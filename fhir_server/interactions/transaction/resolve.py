"""The second step: which resource each writing entry is about, and where references to it will point."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fhir_server.interactions.context import Context
from fhir_server.interactions.entries import Entry, below
from fhir_server.interactions.labels import with_all_facts
from fhir_server.interactions.lookup import bind, find, several
from fhir_server.interactions.request import Request
from fhir_server.interactions.transaction.matching import check, matched, refuse_overlaps, require
from fhir_server.interactions.transaction.plan import Planned
from fhir_server.interactions.transaction.target import Target
from fhir_server.model.document import Stored
from fhir_server.model.outcome import FhirError, refuse


@dataclass(frozen=True, slots=True)
class Resolved:
    """`targets` by position; `addresses` from fullUrl, `criteria` from (type, key), both to `Type/id`."""

    targets: Mapping[int, Target]
    addresses: Mapping[str, str]
    criteria: dict[tuple[str, str], str] = field(default_factory=dict)


def resolve(context: Context, request: Request, planned: Planned, absent: Collection[int] = ()) -> Resolved:
    """Return what the entries are about.

    `absent`: positions of conditional creates whose criteria have just been seen to match nothing; whether
    that still holds is for the commit to find out, as ever.

    Raises VersionConflict where another write came first, and FhirError: `multiple-matches`,
    `criteria-needed`, `stale-version`, `exists`, `not-found`, `deleted`, `same-resource-twice`.
    """
    targets: dict[int, Target] = {}
    criteria: dict[tuple[str, str], str] = {}
    first_of: dict[tuple[str, str], int] = {}
    for entry in planned.of("create"):
        target = _created(context, request, planned, entry, looked_up=entry.position in absent)
        if target.guard is not None:
            key = (target.resource_type, target.guard.key)
            first = first_of.setdefault(key, entry.position)
            if first != entry.position:
                # What the earlier entry found is what this one finds, whatever came meanwhile.
                earlier = targets[first]
                target = Target(target.resource_type, earlier.id, earlier.current, same_as=first)
            criteria[key] = target.reference
        targets[entry.position] = target
    targets.update(_existing(context, request, [one for one in planned.existing if one.address.id]))
    for entry in planned.existing:
        if not entry.address.id:
            target = targets[entry.position] = matched(context, request, planned, entry)
            if target.guard is not None:
                _claim(criteria, target, entry)
    refuse_overlaps(planned, targets)
    _add_facts(context, request, planned, targets)
    addresses = {
        entry.full_url: targets[entry.position].reference
        for entry in planned.entries
        if entry.full_url and entry.position in targets
    }
    return Resolved(targets, addresses, criteria)


def _created(
    context: Context, request: Request, planned: Planned, entry: Entry, *, looked_up: bool
) -> Target:
    resource_type, id = entry.address.resource_type, planned.new_ids[entry.position]
    text = entry.conditions.if_none_exist
    if text is None:
        return Target(resource_type, id)
    place = f"{entry.path}.request.ifNoneExist"
    try:
        wanted = bind(context, request, resource_type, text)
    except FhirError as error:
        raise below(error, place) from None
    found = () if looked_up else find(context, request, wanted)
    if len(found) > 1:
        raise several(place)
    if found:
        return Target(resource_type, found[0].id, found[0], wanted)
    return Target(resource_type, id, guard=wanted)


def _claim(criteria: dict[tuple[str, str], str], target: Target, entry: Entry) -> None:
    """Note what a conditional update creates.  Raises FhirError where another entry creates the same."""
    assert target.guard is not None
    key = (target.resource_type, target.guard.key)
    if key in criteria:
        text = "Another entry creates a resource under the same criteria."
        raise refuse("same-resource-twice", text, f"{entry.path}.request.url")
    criteria[key] = target.reference


def _add_facts(context: Context, request: Request, planned: Planned, targets: dict[int, Target]) -> None:
    """Give what is changed its facts where access is governed; raises VersionConflict."""
    found = [
        (entry.position, stored)
        for entry in planned.existing
        for stored in _stored(targets[entry.position])
        if stored.facts is None
    ]
    if not found or not context.labelling.governs:
        return
    read = with_all_facts(context, request, [stored for _, stored in found])
    known = {(one.resource_type, one.id): one for one in read}
    for position in {position for position, _ in found}:
        target = targets[position]
        first, *others = (known.get((one.resource_type, one.id), one) for one in _stored(target))
        targets[position] = replace(target, current=first, others=tuple(others))


def _stored(target: Target) -> Sequence[Stored]:
    return (*(() if target.current is None else (target.current,)), *target.others)


def _existing(context: Context, request: Request, entries: Iterable[Entry]) -> Mapping[int, Target]:
    ids: dict[str, list[str]] = {}
    for entry in entries:
        ids.setdefault(entry.address.resource_type, []).append(entry.address.id)
    governs = context.labelling.governs
    current = {
        resource_type: context.records.read_many(resource_type, wanted, request.view, facts=governs)
        for resource_type, wanted in ids.items()
    }
    targets: dict[int, Target] = {}
    for entry in entries:
        address = entry.address
        stored = current[address.resource_type].get(address.id)
        if address.interaction.name == "patch":
            require(stored, entry)
        check(entry, stored)
        targets[entry.position] = Target(address.resource_type, address.id, stored)
    return targets
