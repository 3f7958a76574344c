"""A converted document, deposited in one commit with all that it replaces: the steps of a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fhir_server.access.decide import depositing
from fhir_server.interactions import writing
from fhir_server.interactions.context import Context
from fhir_server.interactions.importing.assembling import Assembly
from fhir_server.interactions.importing.delivery import Delivery
from fhir_server.interactions.importing.known import Known, look
from fhir_server.interactions.importing.person import PATIENT, Person, person_of
from fhir_server.interactions.importing.replacing import further_entries
from fhir_server.interactions.request import Request
from fhir_server.interactions.transaction.index import Work, index
from fhir_server.interactions.transaction.plan import Planned, plan
from fhir_server.interactions.transaction.resolve import Resolved, resolve
from fhir_server.interactions.transaction.rewrite import rewrite
from fhir_server.interactions.transaction.validate import validate
from fhir_server.model import exact_json
from fhir_server.model.document import Stored
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.unit_of_work import ConditionMatched, VersionConflict

AGAIN: Final = frozenset({"stale-version", "multiple-matches"})
"""Refusals of a step that another write brought about since it was looked: looking again shows it."""
ATTEMPTS: Final = 24
"""Other imports create the same entries of the directory meanwhile, one after the other."""
MOST_ENTRIES: Final = 20_000

STORED: Final = "stored"
ALREADY_THERE: Final = "already-there"
OTHERS_RECORD: Final = (
    "The document names another one as its earlier version that is in another person's record."
)


@dataclass(frozen=True, slots=True)
class Deposited:
    """What became of a document.

    `document` and `patient` are `Type/id`.  `resources`: type → how many were created; `found`: how many were
    there already.  `superseded` are the documents that are replaced by it, `Type/id`.
    """

    outcome: str
    document: str
    patient: str | None
    version: int
    owner: str | None
    resources: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[str, int] = field(default_factory=dict)
    superseded: tuple[str, ...] = ()
    is_superseded: bool = False
    """Whether a later version of it is there already."""


def deposit(context: Context, request: Request, delivery: Delivery) -> Deposited:
    """Store the document with all that it says, or find that it is there already.

    Raises FhirError, nothing being written: `other-person`, `other-content`, `multiple-matches`, `conflict`,
    `refused`, and those of the document.
    """
    limits = replace(context.limits, max_entries=MOST_ENTRIES)
    context = replace(context, limits=limits)
    view = depositing(request.view, request.actor)
    request = replace(request, view=view, idempotency=None)
    for attempt in range(ATTEMPTS):
        known = look(context, request, delivery, later=attempt > 0)
        if known.same is not None:
            return _already(known.same)
        person = person_of(context, request, delivery)
        try:
            return _store(context, request, delivery, person, known)
        except (ConditionMatched, VersionConflict):
            continue
        except FhirError as error:
            if error.issues[0].situation not in AGAIN:
                raise
    raise writing.gave_up()


def _store(context: Context, request: Request, delivery: Delivery, person: Person, known: Known) -> Deposited:
    assembly = Assembly(context, request, delivery, person, known)
    entries = assembly.entries()
    further = further_entries(context, request, known, delivery)
    body = {"resourceType": "Bundle", "type": "transaction", "entry": [*entries, *further]}
    asked = replace(request, body=body)
    planned = plan(context, asked)
    # What can be there already was looked up a moment ago: the commit looks again, and once is enough.
    resolved = resolve(context, asked, planned, absent=range(len(entries)))
    resolved = replace(resolved, addresses={**resolved.addresses, **assembly.addresses})
    document = resolved.targets[0]
    if document.current is not None:
        raise VersionConflict(document.resource_type, document.id)
    resources = rewrite(context, asked, planned, resolved)
    validate(context, asked, planned, resolved, resources)
    work = index(context, asked, planned, resolved, resources)
    _check_owners(work, known)
    guards = tuple(one.guards(asked, document.id) for one in known.guards)
    changes = replace(work.changes, conditions=(*work.changes.conditions, *guards))
    writing.commit(context, asked, changes, work.receipt, 200)
    return _told(planned, resolved, work, known, len(entries), assembly.addresses.values())


def _check_owners(work: Work, known: Known) -> None:
    owner = _owner_of(work)
    for one in (*known.related.values(), *known.later):
        if one.owner != owner:
            raise refuse("two-persons", OTHERS_RECORD)


def _owner_of(work: Work) -> str | None:
    written = work.receipt[0]
    return None if written is None else written.owner


def _told(
    planned: Planned, resolved: Resolved, work: Work, known: Known, own: int, there: Iterable[str]
) -> Deposited:
    created: Counter[str] = Counter()
    found = Counter(name.partition("/")[0] for name in there)
    for entry in planned.entries[:own]:
        target = resolved.targets[entry.position]
        is_there = target.current is not None or target.same_as is not None
        (found if is_there else created)[target.resource_type] += 1
    owner = _owner_of(work)
    return Deposited(
        outcome=STORED,
        document=resolved.targets[0].reference,
        patient=None if owner is None else f"{PATIENT}/{owner}",
        version=1,
        owner=owner,
        resources=dict(sorted(created.items())),
        found=dict(sorted(found.items())),
        superseded=tuple(
            target.reference
            for target in _targets(resolved, planned.entries[own:])
            if target.resource_type == "DocumentReference"
            and target.id not in {one.id for one in known.later}
        ),
        is_superseded=bool(known.later),
    )


def _targets(resolved: Resolved, entries: Sequence[Any]) -> Iterable[Any]:
    return (resolved.targets[entry.position] for entry in entries)


def _already(stored: Stored) -> Deposited:
    owner = stored.owner
    document = exact_json.decode(stored.body)
    return Deposited(
        outcome=ALREADY_THERE,
        document=f"{stored.resource_type}/{stored.id}",
        patient=None if owner is None else f"{PATIENT}/{owner}",
        version=stored.version,
        owner=owner,
        is_superseded=document.get("status") == "superseded",
    )
