"""The compiled choices of each person: read at each request from the primary, written within a commit.

A look-up takes what a majority has: a change whose commit was confirmed is seen by every request that comes
later, in every process.  Nothing of a choice is remembered; only whose a resource is, which never changes.
Requests that come at the same time share a look-up that begins after all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from fhir_server.access.ports import Held
from fhir_server.model.plan import Index
from fhir_server.model.unit_of_work import ChoicesChange, VersionConflict
from fhir_server.search.spelling import token
from fhir_server.store.catalogue import AUDIT, CHOICES, Catalogue, Records
from fhir_server.store.connection import CODEC
from fhir_server.store.gathering import Gathering
from fhir_server.store.indexes import PATIENT
from fhir_server.store.journal import AUDIT_EVENT
from fhir_server.store.owners import OwnerCache
from fhir_server.store.reads import QUERY_MS, aggregate_few, find_one, find_page
from fhir_server.store.refusals import database_errors

AMBIGUOUS: Final = 2
"""Two persons are as many as any number: the identifier names nobody."""

_WHOLE: Final[dict[str, int]] = {}


class MongoChoices:
    """Implements `access.ports.Choices`."""

    def __init__(self, catalogue: Catalogue, owners: OwnerCache) -> None:
        self._catalogue = catalogue
        self._choices = catalogue.service(CHOICES)
        self._owners = owners
        self._gathering = Gathering(self._of_all)

    def of(self, owner: str) -> Mapping[str, Any] | None:
        """Return the current choices of a person, instants aware, or None.  One round trip at most."""
        return self._gathering.get(owner)

    def of_resource(self, resource_type: str, id: str) -> Held | None:
        """Return whose record holds the resource, deleted or not, and their choices; None: absent.

        At most one round trip.
        """
        try:
            owner = self._owners.get(resource_type, id)
        except KeyError:
            return self._looked_up(resource_type, id)
        return Held(owner, None if owner is None else self.of(owner))

    def person_of(self, identifiers: Sequence[str]) -> Sequence[str]:
        """Return the ids, two at most, of the Patients with one of these identifiers.  One round trip.

        A deleted Patient has none.
        """
        if not identifiers or not self._catalogue.exists(PATIENT):
            return ()
        wanted = {"search.token": {"$in": [_token(identifier) for identifier in identifiers]}}
        hint = self._catalogue.hint(PATIENT, Index.TOKEN)
        with database_errors():
            found = find_page(self._catalogue.current(PATIENT), wanted, {"_id": 1}, (), hint, AMBIGUOUS)
        return tuple(row["_id"] for row in found)

    def _of_all(self, owners: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        with database_errors():
            if len(owners) == 1:
                (owner,) = owners
                one = find_one(self._choices, {"_id": owner}, _WHOLE, CODEC)
                found = [] if one is None else [one]
            else:
                wanted = {"_id": {"$in": list(owners)}}
                found = list(self._choices.find(wanted, hint="_id_", max_time_ms=QUERY_MS))
        return {choices["owner"]: choices for choices in map(_mapping, found)}

    def _held_in(self, resource_type: str) -> Records:
        """The access log is where AuditEvents are: an entry has the owner that the event has."""
        log = resource_type == AUDIT_EVENT
        return self._catalogue.service(AUDIT) if log else self._catalogue.current(resource_type)

    def _looked_up(self, resource_type: str, id: str) -> Held | None:
        if resource_type not in self._catalogue.plan.registry.resource_types:
            return None
        of_owner = {"from": CHOICES, "localField": "owner", "foreignField": "_id", "as": "choices"}
        pipeline: list[dict[str, Any]] = [
            {"$match": {"_id": {"$eq": id}}},
            {"$project": {"owner": 1}},
            {"$lookup": of_owner},
        ]
        with database_errors():
            found = aggregate_few(self._held_in(resource_type), pipeline, CODEC)
        if not found:
            return None
        owner = found[0]["owner"]
        self._owners.put(resource_type, id, owner)
        choices = found[0]["choices"]
        return Held(owner, _mapping(choices[0]) if choices else None)


def write_choices(change: ChoicesChange, catalogue: Catalogue, session: ClientSession, now: datetime) -> None:
    """Write the choices of a person within the transaction, as the version after `expected_version`.

    Raises VersionConflict of type `choices` where that is not the version which is there.
    """
    choices = catalogue.service(CHOICES)
    document = {"at": now, **change.document, "_id": change.owner, "version": change.expected_version + 1}
    document.pop("owner", None)
    if change.expected_version == 0:
        try:
            choices.insert_one(document, session=session)
        except DuplicateKeyError:
            raise VersionConflict(CHOICES, change.owner) from None
        return
    expected = {"_id": {"$eq": change.owner}, "version": {"$eq": change.expected_version}}
    if choices.replace_one(expected, document, session=session).matched_count != 1:
        raise VersionConflict(CHOICES, change.owner)


def _mapping(document: dict[str, Any]) -> Mapping[str, Any]:
    return {"owner": document.pop("_id"), **document}


def _token(identifier: str) -> str:
    system, bar, value = identifier.partition("|")
    return token("identifier", system, value) if bar else token("identifier", "", identifier)
