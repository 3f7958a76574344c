"""Further versions: the old one moves to the history as it was, the new one takes its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from fhir_server.access.decide import REFUSED
from fhir_server.model.document import Facts
from fhir_server.model.outcome import refuse
from fhir_server.model.unit_of_work import VersionConflict
from fhir_server.model.view import View
from fhir_server.store.bodies import Bodies, Prepared
from fhir_server.store.catalogue import Catalogue, raw
from fhir_server.store.documents import superseded, with_access_of
from fhir_server.store.facts import differ, govern_past, have_moved
from fhir_server.store.filters import all_of, predicate_filter
from fhir_server.store.refusals import DUPLICATE_KEY, error_code, not_unique


@dataclass(frozen=True, slots=True)
class Replacement:
    """A version and the number of the one that it supersedes, at least 1."""

    version: Prepared
    expected: int
    before: Facts | None = None
    """The facts that the writer started from; None: it did not look."""

    @property
    def is_in_place(self) -> bool:
        """Whether it is the same version, which then has no older self to keep."""
        return self.version.document.version == self.expected

    def changes_past(self, held: RawBSONDocument) -> bool:
        """Return whether there are superseded versions after it that have to get its facts."""
        document = self.version.document
        has_past = self.expected > 1 or not self.is_in_place
        return has_past and not document.deleted and differ(document.facts, held)

    def encoded_over(self, held: RawBSONDocument) -> RawBSONDocument:
        """Return what is stored in the place of `held`: a deletion keeps the facts of what it deletes."""
        version = self.version
        return with_access_of(version.encoded, held) if version.document.deleted else version.encoded


def replace_all(
    catalogue: Catalogue,
    bodies: Bodies,
    resource_type: str,
    replacements: Sequence[Replacement],
    view: View,
    session: ClientSession,
) -> list[str]:
    """Supersede versions of one type within the transaction, in three round trips; four where facts change.

    Returns the blobs that versions which are rewritten in their place referred to.  Raises VersionConflict,
    and FhirError: `refused` where the View does not allow the before-image, `owner-changed`, `conflict`.
    """
    allowed = predicate_filter(view.writes(resource_type))
    current = raw(catalogue.current(resource_type))
    ids = [replacement.version.id for replacement in replacements]
    found = current.find(all_of([{"_id": {"$in": ids}}, allowed]), session=session)
    held = {document["_id"]: document for document in found}
    for replacement in replacements:
        if replacement.version.id not in held:
            raise _why_missing(catalogue, resource_type, replacement, session)
        _check(resource_type, replacement, held[replacement.version.id])
    kept = [superseded(held[one.version.id], one.expected) for one in replacements if not one.is_in_place]
    if kept:
        raw(catalogue.history(resource_type)).insert_many(kept, session=session)
    writes: list[ReplaceOne[Any]] = [
        ReplaceOne(
            all_of([{"_id": {"$eq": one.version.id}, "version": {"$eq": one.expected}}, allowed]),
            one.encoded_over(held[one.version.id]),
        )
        for one in replacements
    ]
    if _matched(current, resource_type, writes, session) != len(writes):
        raise VersionConflict(resource_type, ids[0])
    changed = [one.version.document.facts for one in replacements if one.changes_past(held[one.version.id])]
    govern_past(catalogue, resource_type, changed, session)
    return [
        blob_id
        for one in replacements
        if one.is_in_place
        for blob_id in bodies.refers_to(resource_type, held[one.version.id])
    ]


def _matched(
    current: Collection[Any], resource_type: str, writes: Sequence[ReplaceOne[Any]], session: ClientSession
) -> int:
    try:
        return current.bulk_write(writes, session=session).matched_count
    except BulkWriteError as error:
        if error_code(error) != DUPLICATE_KEY:
            raise
        raise not_unique(resource_type) from None


def _check(resource_type: str, replacement: Replacement, before: RawBSONDocument) -> None:
    if before["version"] != replacement.expected or have_moved(replacement.before, before):
        raise VersionConflict(resource_type, replacement.version.id)
    if before["owner"] != replacement.version.document.facts.owner:
        raise refuse(
            "owner-changed",
            f"A {resource_type} stays in the record that it was created in; create another one instead.",
            resource_type,
        )


def _why_missing(
    catalogue: Catalogue, resource_type: str, replacement: Replacement, session: ClientSession
) -> Exception:
    exists = catalogue.current(resource_type).find_one(
        {"_id": {"$eq": replacement.version.id}, "version": {"$eq": replacement.expected}},
        {"_id": 1},
        session=session,
    )
    if exists is None:
        return VersionConflict(resource_type, replacement.version.id)
    return refuse("refused", REFUSED)
