"""Bodies on their way in and out: exact text, with the large contents apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson.raw_bson import RawBSONDocument

from fhir_server.model import exact_json
from fhir_server.model.document import Document, Stored
from fhir_server.store import attachments, documents
from fhir_server.store.blobs import MongoBlobs
from fhir_server.store.indexes import EVERY_TYPE, IndexPlan
from fhir_server.store.sealing.keyring import KeyDestroyed
from fhir_server.store.sealing.seals import Place, Seal, Sealing, key_destroyed, not_openable


@dataclass(frozen=True, slots=True)
class Prepared:
    """A version ready to be written: its bytes, and the blobs that it refers to."""

    document: Document
    encoded: RawBSONDocument
    blob_ids: tuple[str, ...]

    @property
    def resource_type(self) -> str:
        """The type, which is the name of the collection."""
        return self.document.facts.resource_type

    @property
    def id(self) -> str:
        """The logical id."""
        return self.document.facts.id


_EMPTY: Final = b""


@dataclass(frozen=True, slots=True)
class Bodies:
    """Encodes versions and restores what was read.  `native_types` get the native mirror, `*` is all.

    With `sealing`, the bodies of persons are sealed; those of the directory are not.
    """

    blobs: MongoBlobs
    plan: IndexPlan
    native_types: frozenset[str] = frozenset()
    sealing: Sealing | None = None

    def prepare(self, document: Document) -> Prepared:
        """Return the version as bytes; its large contents are durable as blobs when this returns.

        Raises FhirError `too-large`, in which case nothing refers to what was stored, and `refused` where
        the keys of the person were destroyed.
        """
        facts = document.facts
        text, blob_ids = attachments.split(
            _text(document), lambda content: self.blobs.put(content, facts.owner)
        )
        unique = self.plan.unique(facts.resource_type, document.search.token)
        mirror = self._mirror(document)
        body, seal = self._sealed(document, text)
        encoded = documents.encode(document, body, unique=unique, mirror=mirror, seal=seal)
        return Prepared(document, encoded, blob_ids)

    def reindexed(self, document: Document) -> dict[str, Any]:
        """Return the update of what is derived from a stored version; its body and blobs stay."""
        unique = self.plan.unique(document.facts.resource_type, document.search.token)
        return documents.reindexed(document, unique=unique, mirror=self._mirror(document))

    def restore(
        self, resource_type: str, found: Iterable[dict[str, Any]], *, keep_lost: bool = False
    ) -> list[Stored]:
        """Return the versions that were read with `documents.PROJECTION`, whole again.

        One more round trip, and only where a body refers to blobs.  What belongs to a person whose keys were
        destroyed is missing; with `keep_lost` it has its place, as a deletion.
        """
        opened, plain = self._opened, self.sealing is None
        rows = [
            (
                fields,
                fields["body"].encode()
                if plain and fields["seal"] is None and type(fields["body"]) is str
                else opened(resource_type, fields),
            )
            for fields in found
        ]
        wanted = {
            id: fields["owner"]
            for fields, body in rows
            if body and attachments.MARK in body
            for id in attachments.blob_ids(body)
        }
        decode = documents.decode
        if not wanted:
            kept = [decode(resource_type, fields, body) for fields, body in rows if body is not None]
            if len(kept) == len(rows) or not keep_lost:
                return kept
        contents = self.blobs.read_all(wanted) if wanted else {}
        restored = []
        for fields, body in rows:
            if body is not None:
                whole = attachments.join(body, contents) if wanted else body
                restored.append(decode(resource_type, fields, whole))
            elif keep_lost:
                restored.append(decode(resource_type, {**fields, "deleted": True}, _EMPTY))
        return restored

    def restore_one(self, resource_type: str, found: dict[str, Any] | None) -> Stored | None:
        """Return the version that was read, or None."""
        restored = self.restore(resource_type, [found] if found is not None else [])
        return restored[0] if restored else None

    def refers_to(self, resource_type: str, stored: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the blobs that a stored document refers to."""
        return attachments.blob_ids(self._opened(resource_type, stored) or _EMPTY)

    def _sealed(self, document: Document, text: bytes) -> tuple[str | bytes, Seal | None]:
        facts = document.facts
        if self.sealing is None or facts.owner is None or document.deleted:
            return text.decode("utf-8"), None
        try:
            return self.sealing.seal(
                Place(facts.owner, facts.resource_type, facts.id, document.version), text
            )
        except KeyDestroyed:
            raise key_destroyed() from None

    def _opened(self, resource_type: str, fields: Mapping[str, Any]) -> bytes | None:
        """Return the body, None where the keys of the person were destroyed."""
        owner, body, seal = fields["owner"], fields["body"], fields["seal"]
        if self.sealing is None or owner is None:
            if seal is not None or not isinstance(body, str):
                raise not_openable(resource_type)
            return body.encode()
        id = fields["_id"].partition("#")[0]
        try:
            return self.sealing.open(Place(owner, resource_type, id, fields["version"]), body, seal)
        except KeyDestroyed:
            return None

    def _mirror(self, document: Document) -> dict[str, Any] | None:
        if document.resource is None or self.native_types.isdisjoint(
            (EVERY_TYPE, document.facts.resource_type)
        ):
            return None
        tree: dict[str, Any] = attachments.without_large_texts(document.resource)
        return tree


def blob_ids_of(prepared: Sequence[Prepared]) -> list[str]:
    """Return the blobs that some versions refer to."""
    return [id for version in prepared for id in version.blob_ids]


def _text(document: Document) -> bytes:
    if document.resource is None:
        return _EMPTY
    return bytes(document.raw) if document.raw is not None else exact_json.encode(document.resource)
