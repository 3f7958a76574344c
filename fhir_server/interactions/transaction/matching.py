"""What the conditional updates, patches and deletes of a transaction are about, and that no two are the same.

Spec: https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from fhir_server.interactions.conditional_delete import matches
from fhir_server.interactions.conditional_update import taken
from fhir_server.interactions.context import Context
from fhir_server.interactions.entries import Entry, below
from fhir_server.interactions.incoming import check_id
from fhir_server.interactions.lookup import ENOUGH, Criteria, bind_address, find, one_at_most
from fhir_server.interactions.preconditions import check_if_match, check_if_none_match
from fhir_server.interactions.read import deleted, not_found
from fhir_server.interactions.request import Request
from fhir_server.interactions.transaction.plan import Planned
from fhir_server.interactions.transaction.target import Target
from fhir_server.interactions.update import creation_refused
from fhir_server.model.document import Stored
from fhir_server.model.outcome import FhirError, refuse


def matched(context: Context, request: Request, planned: Planned, entry: Entry) -> Target:
    """Return the target of an entry whose address has criteria in the place of an id.

    Raises FhirError at the entry: `multiple-matches`, `criteria-needed`, `not-found`, `stale-version`,
    `exists`, `id-mismatch`, `conflict`, `update-create-not-allowed`.
    """
    name, place = entry.address.interaction.name, f"{entry.path}.request.url"
    count = context.limits.conditional_deletes + 1 if name == "delete" else ENOUGH
    asked = replace(request, resource_type=entry.address.resource_type, query=entry.address.query)
    try:
        wanted = bind_address(context, asked, count=count)
    except FhirError as error:
        raise below(error, place) from None
    if name == "delete":
        return _deleted(entry, matches(context, asked, wanted, place))
    current = one_at_most(find(context, asked, wanted), place)
    if name == "patch":
        require(current, entry)
    check(entry, current)
    if current is None:
        return _created(context, asked, planned, entry, wanted)
    if name == "update" and "id" in entry.resource:
        check_id(entry.resource, current.id, f"{entry.path}.resource")
    return Target(current.resource_type, current.id, current)


def check(entry: Entry, current: Stored | None) -> None:
    """Raise FhirError unless the preconditions of the entry hold for what it meets."""
    check_if_match(entry.conditions, current, f"{entry.path}.request.ifMatch")
    check_if_none_match(entry.conditions, current, f"{entry.path}.request.ifNoneMatch")


def require(current: Stored | None, entry: Entry) -> None:
    """Raise FhirError `not-found` or `deleted` where there is nothing to be patched."""
    if current is None:
        raise below(not_found(), f"{entry.path}.request.url")
    if current.deleted:
        raise below(deleted(current), f"{entry.path}.request.url")


def refuse_overlaps(planned: Planned, targets: Mapping[int, Target]) -> None:
    """Raise FhirError `same-resource-twice` where two entries change one resource.

    A conditional create that finds what another entry deletes counts too: it would name what is gone.
    """
    changed: dict[tuple[str, str], Entry] = {}
    for entry in planned.existing:
        for identity in _identities(targets[entry.position]):
            first = changed.setdefault(identity, entry)
            if first is not entry:
                raise _twice(entry, first)
    for entry in planned.of("create"):
        target = targets[entry.position]
        meets = changed.get((target.resource_type, target.id)) if target.current is not None else None
        if meets is not None and meets.address.interaction.name == "delete":
            raise _twice(entry, meets)


def _deleted(entry: Entry, found: Sequence[Stored]) -> Target:
    first = found[0] if found else None
    if entry.conditions.if_match is not None:
        check(entry, first if len(found) == 1 else None)
    return Target(entry.address.resource_type, first.id if first else "", first, others=tuple(found[1:]))


def _created(context: Context, request: Request, planned: Planned, entry: Entry, wanted: Criteria) -> Target:
    resource_type, id = request.resource_type, planned.new_ids.get(entry.position)
    if id is not None:
        return Target(resource_type, id, guard=wanted)
    if not (context.update_create and request.view.update_create):
        raise below(creation_refused(), f"{entry.path}.request.url")
    id = str(entry.resource["id"])
    former = context.records.read(resource_type, id, request.view)
    if former is not None and not former.deleted:
        raise taken(f"{entry.path}.resource.id")
    return Target(resource_type, id, former, wanted)


def _identities(target: Target) -> Iterator[tuple[str, str]]:
    if target.id:
        yield target.resource_type, target.id
    for other in target.others:
        yield other.resource_type, other.id


def _twice(entry: Entry, first: Entry) -> FhirError:
    text = f"The entry is about the same resource as entry {first.position}."
    return refuse("same-resource-twice", text, f"{entry.path}.request.url")
