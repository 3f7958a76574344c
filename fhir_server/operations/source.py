"""`$source`: the place in an imported document that a resource was made from, as its bytes.

All of it is read inside the View: where the original is hidden, so is what came from it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fhir_server.interactions.context import Context
from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.lookup import bind, find
from fhir_server.interactions.operation_input import read_input
from fhir_server.interactions.read import entity, not_found
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.interactions.table import INSTANCE
from fhir_server.model import exact_json, own
from fhir_server.model.document import Stored
from fhir_server.model.reference import ReferenceKind, parse_reference
from importers.cda.extensions import BYTES, url
from profiles.definitions import OperationDefinition, OperationParameter

NAME: Final = "$source"
DOCUMENT: Final = "DocumentReference"
ORIGINALS: Final = 20
"""Provenances of one resource that are looked at."""
SPAN: Final = re.compile(r"([0-9]{1,15})-([0-9]{1,15})", re.ASCII)
"""First and last byte: anybody who may write a Provenance can write another text there."""

DEFINITION: Final = OperationDefinition(
    own.operation(NAME[1:]), NAME[1:], False, False, True, False, ("Resource",),
    (OperationParameter("return", "out", 1, 1, "Binary"),),
)  # fmt: skip


def source(context: Context, request: Request) -> Reply:
    """Return the bytes of the original that the resource was made from, as a Binary.

    Raises FhirError `not-found` where there is no such resource, it came from no document, or that is not
    seen.
    """
    read_input(context, request, DEFINITION.url)
    stored = context.records.read(request.resource_type, request.id, request.view)
    if stored is None or stored.deleted:
        raise not_found()
    for document, start, end in _places(context, request):
        found = _original(context, request, document)
        if found is None:
            continue
        described, media_type, data = found
        if 0 <= start < end <= len(data):
            body = {
                "resourceType": "Binary",
                "contentType": media_type,
                "data": base64.b64encode(data[start:end]).decode("ascii"),
            }
            shown = tuple(
                Shown(one.owner, entity(one.resource_type, one.id, one.version))
                for one in (stored, described)
            )
            return Reply(200, exact_json.encode(body), shown=shown)
    raise not_found()


def _places(context: Context, request: Request) -> Iterator[tuple[str, int, int]]:
    """Yield the id of the document and the first and last byte (exclusive), as the Provenances tell."""
    name = f"{request.resource_type}/{request.id}"
    extension = url(context.canonical_base, BYTES)
    wanted = bind(context, request, "Provenance", urlencode({"target": name}), count=ORIGINALS)
    for stored in find(context, request, wanted):
        provenance = exact_json.decode(stored.body)
        documents = [one.get("what", {}).get("reference") for one in provenance.get("entity", ())]
        for target in provenance.get("target", ()):
            span = _span(target, extension) if target.get("reference") == name else None
            for text in documents if span else ():
                parsed = parse_reference(str(text), context.base_url)
                if span and parsed.kind is ReferenceKind.RELATIVE and parsed.type == DOCUMENT and parsed.id:
                    yield parsed.id, *span


def _span(target: Mapping[str, Any], extension: str) -> tuple[int, int] | None:
    for one in target.get("extension", ()):
        found = SPAN.fullmatch(str(one.get("valueString", "")))
        if one.get("url") == extension and found is not None:
            return int(found[1]), int(found[2])
    return None


def _original(context: Context, request: Request, id: str) -> tuple[Stored, str, bytes] | None:
    """Return a document, the media type of its original and the bytes; None where they are not seen."""
    document = context.records.read(DOCUMENT, id, request.view)
    if document is None or document.deleted:
        return None
    contents = exact_json.decode(document.body).get("content", ())
    attachment = contents[0].get("attachment", {}) if contents else {}
    parsed = parse_reference(str(attachment.get("url", "")), context.base_url)
    if parsed.kind is not ReferenceKind.RELATIVE or parsed.type != "Binary" or not parsed.id:
        return None
    binary = context.records.read("Binary", parsed.id, request.view)
    if binary is None or binary.deleted:
        return None
    held = exact_json.decode(binary.body)
    try:
        return document, str(held.get("contentType", "")), base64.b64decode(held.get("data", ""))
    except binascii.Error:
        return None


INTERACTIONS = (
    Interaction(
        NAME, "instance", "GET", f"{INSTANCE}/{NAME}", source,
        declared=False, definition=DEFINITION.url, content=True,
    ),
)  # fmt: skip
