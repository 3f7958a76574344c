"""A CDA document as FHIR: bytes in, `ImportResult` out; pure, and the same for the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from fhir_server.model.outcome import DEFAULT_CANONICAL_BASE
from importers.cda.composition import composition
from importers.cda.conversion import Conversion, Resource, Source
from importers.cda.document import document_reference, original
from importers.cda.entries.engine import finish
from importers.cda.header.read import read_header
from importers.cda.labels import add_labels
from importers.cda.provenance import add_provenance
from importers.cda.reader import Limits, read
from importers.cda.report_lines import unmapped
from importers.cda.xml import child
from importers.result import ImportResult


@dataclass(frozen=True, slots=True)
class Options:
    """How to convert: `zone` is that of times without an offset, `base` the base of our canonicals."""

    zone: tzinfo = UTC
    base: str = DEFAULT_CANONICAL_BASE
    limits: Limits = field(default_factory=Limits)


def convert(data: bytes, options: Options | None = None) -> ImportResult:
    """Convert a document.  Raises `Unreadable` for bytes that are no CDA document, or an excessive one."""
    options = options or Options()
    source = read(data, options.limits)
    cv = Conversion(source, _seed(source), options.zone, options.base)
    cv.document = {"reference": cv.full_url("DocumentReference", source.root)}
    header = read_header(cv)
    composition(cv, header)
    finish(cv)
    binary = original(cv)
    document_reference(cv, header, binary)
    add_provenance(cv, header)
    add_labels(cv, header)
    counts = unmapped(cv)
    templates = {name: (met, cv.structured[name]) for name, met in sorted(cv.met.items())}
    return ImportResult(_bundle(cv, binary), tuple(cv.issues), dict(cv.origins), counts, templates)


def _seed(source: Source) -> UUID:
    """Return the namespace of the document's urn:uuid: from its id, or its bytes where it has none."""
    node = child(source.root, "id")
    root = None if node is None else node.get("root")
    if node is None or not root:
        return uuid5(NAMESPACE_OID, sha256(source.data).hexdigest())
    return uuid5(NAMESPACE_OID, f"{root}^{node.get('extension', '')}")


def _bundle(cv: Conversion, binary: Mapping[str, str]) -> dict[str, Any]:
    first = (cv.document["reference"], binary["reference"])
    rest = (url for url in cv.resources if url not in first)
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "collection"}
    bundle["entry"] = list(_entries(cv.resources, (*first, *rest)))
    return bundle


def _entries(resources: Mapping[str, Resource], urls: Iterable[str]) -> Iterable[dict[str, Any]]:
    return ({"fullUrl": url, "resource": resources[url]} for url in urls)
