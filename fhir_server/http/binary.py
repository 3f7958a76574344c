"""Binary as bytes: content in and out without the wrapping of a resource.

Spec: https://hl7.org/fhir/R4/binary.html#rest
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from fhir_server.http import formats
from fhir_server.model import exact_json
from fhir_server.model.outcome import refuse

BINARY = "Binary"
UNTYPED = "application/octet-stream"
SECURITY_CONTEXT = "X-Security-Context"
READS = frozenset({"read", "vread"})
WRITES = frozenset({"create", "update"})
HARMLESS = {
    # Content comes from anyone: a browser must neither guess its type nor run it.
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Content:
    """What a Binary holds, as it goes out."""

    content_type: str
    data: bytes
    headers: Mapping[str, str]


def is_content(content_type: str | None) -> bool:
    """Return whether a body sent to /Binary is the content itself, not a Binary resource."""
    name = (content_type or UNTYPED).partition(";")[0].strip().lower()
    return not formats.is_fhir(name)


def resource_of(
    data: bytes, content_type: str | None, security_context: str | None, id: str
) -> dict[str, Any]:
    """Return the Binary resource of posted content; `id` is empty for a create."""
    resource: dict[str, Any] = {"resourceType": BINARY}
    if id:
        resource["id"] = id
    resource["contentType"] = (content_type or UNTYPED).strip()
    if security_context is not None:
        resource["securityContext"] = {"reference": security_context}
    if data:
        resource["data"] = base64.b64encode(data).decode("ascii")
    return resource


def content_of(body: bytes, accept: str | None) -> Content:
    """Return the content of a Binary's exact JSON text.  Raises FhirError `not-acceptable`."""
    resource = exact_json.decode(body)
    content_type = str(resource.get("contentType", UNTYPED))
    if not formats.accepts(accept, content_type):
        raise refuse("not-acceptable", "The content is of another type than Accept names.")
    try:
        data = base64.b64decode(resource.get("data", ""))
    except binascii.Error:
        raise refuse("not-acceptable", "The content can only be read as a resource.") from None
    reference = (resource.get("securityContext") or {}).get("reference")
    headers = dict(HARMLESS)
    if _is_header(reference):
        headers[SECURITY_CONTEXT] = reference
    return Content(content_type if _is_header(content_type) else UNTYPED, data, headers)


def _is_header(value: Any) -> TypeGuard[str]:
    """Whether a text from a resource can stand in a header of the answer."""
    return isinstance(value, str) and value.isascii() and value.isprintable()
