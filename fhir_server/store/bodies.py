"""Bodies on their way in and out: exact text, with the large contents apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson.raw_bson import RawBSONDocument

from fhir_server.model import exact_json
from fhir_server.model.document import Document, Stored
from fhir_server.store import attachments, documents
from fhir_server.store.blobs import MongoBlobs
from fhir_server.store.indexes import EVERY_TYPE, IndexPlan


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
    """Encodes versions and restores what was read.  `native_types` get the native mirror, `*` is all."""

    blobs: MongoBlobs
    plan: IndexPlan
    native_types: frozenset[str] = frozenset()

    def prepare(self, document: Document) -> Prepared:
        """Return the version as bytes; its large contents are durable as blobs when this returns.

        Raises FhirError `too-large`, in which case nothing refers to what was stored.
        """
        facts = document.facts
        text, blob_ids = attachments.split(
            _text(document), lambda content: self.blobs.put(content, facts.owner)
        )
        unique = self.plan.unique(facts.resource_type, document.search.token)
        mirror = self._mirror(document)
        encoded = documents.encode(document, text.decode("utf-8"), unique=unique, mirror=mirror)
        return Prepared(document, encoded, blob_ids)

    def reindexed(self, document: Document) -> dict[str, Any]:
        """Return the update of what is derived from a stored version; its body and blobs stay."""
        unique = self.plan.unique(document.facts.resource_type, document.search.token)
        return documents.reindexed(document, unique=unique, mirror=self._mirror(document))

    def restore(self, resource_type: str, found: Iterable[dict[str, Any]]) -> list[Stored]:
        """Return the versions that were read with `documents.PROJECTION`, whole again.

        One more round trip, and only where a body refers to blobs.
        """
        rows = [(fields, fields["body"].encode("utf-8")) for fields in found]
        wanted = [id for _, body in rows for id in attachments.blob_ids(body)]
        contents = self.blobs.read_all(wanted) if wanted else {}
        return [
            documents.decode(resource_type, fields, attachments.join(body, contents) if wanted else body)
            for fields, body in rows
        ]

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
