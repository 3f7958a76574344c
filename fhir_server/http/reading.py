"""The body of a request: read within its limit, decoded as its type says."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.wsgi import get_content_length, get_input_stream

from fhir_server.http import binary, formats
from fhir_server.http.codecs import Codecs
from fhir_server.interactions.dispatch import Interaction, parse_query
from fhir_server.interactions.importing.delivery import Delivery
from fhir_server.interactions.patching.patches import Patch, Patches
from fhir_server.interactions.request import Pairs
from fhir_server.model.outcome import FhirError, Issue, refuse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment as Environ

IDENTITY = frozenset({"", "identity"})
NOT_COMPRESSED = {"Accept-Encoding": "identity"}
"""Spec: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3"""
PATIENT, DOCUMENT, PLACE = "patient", "document", "Parameters.parameter.resource"
"""What the parameters of an import are called, and where the document stands."""
ACCEPT_PATCH = "Accept-Patch"
"""Spec: https://www.rfc-editor.org/rfc/rfc5789#section-3.1"""


def read_bytes(environ: Environ, most: int) -> bytes:
    """Return the body, be it of known length or chunked.

    Raises FhirError `too-large` past `most` bytes, `cut-off` where less came than was announced,
    `unsupported-media-type` for a compressed one.
    """
    if environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in IDENTITY:
        issue = Issue("unsupported-media-type", "This server takes bodies that are not compressed.")
        raise FhirError(issue, headers=NOT_COMPRESSED)
    announced = get_content_length(environ) or 0
    if announced > most:
        raise _too_large(most)
    # One byte more than allowed shows that a body of unknown length does not end there.
    data = get_input_stream(environ, max_content_length=most + 1).read()
    if len(data) > most:
        raise _too_large(most)
    if len(data) < announced:
        raise refuse(
            "cut-off", f"The body ends after {len(data)} of the {announced} bytes of its Content-Length."
        )
    return data


def _too_large(most: int) -> FhirError:
    return refuse("too-large", f"A body has at most {most} bytes here.")


def resource_of(
    environ: Environ, data: bytes, codecs: Codecs, interaction: Interaction, resource_type: str, id: str
) -> Any:
    """Return the tree of a posted resource, None where nothing was sent.

    Content sent to /Binary becomes the resource that holds it.
    """
    content_type = environ.get("CONTENT_TYPE") or None
    if not data and content_type is None:
        return None
    holds_content = resource_type == binary.BINARY and interaction.name in binary.WRITES
    if holds_content and binary.is_content(content_type):
        # The end of a chunked body looks like that of a broken connection, and content has no end of its own.
        if get_content_length(environ) is None and (data or "HTTP_TRANSFER_ENCODING" in environ):
            raise refuse("length-needed", "Content is sent to Binary with a Content-Length.")
        return binary.resource_of(data, content_type, environ.get("HTTP_X_SECURITY_CONTEXT"), id)
    return codecs.of(formats.body_format(content_type)).decode(data) if data else None


def delivery_of(
    environ: Environ, data: bytes, codecs: Codecs, query: Pairs, made: Callable[..., Delivery]
) -> Delivery:
    """Return a posted document: its bytes alone, or a Binary, or Parameters with `document` and `patient`.

    `made` makes it of the bytes and the references to the person.
    Raises FhirError `wrong-type`, `illegal-value` and those of a resource.
    """
    patient = tuple(value for name, value in query if name == PATIENT)
    content_type = environ.get("CONTENT_TYPE")
    name = (content_type or binary.UNTYPED).partition(";")[0].strip().lower()
    if not formats.is_fhir(name):
        return made(data, patient=patient)
    resource = codecs.of(formats.body_format(content_type)).decode(data)
    given = _parameters(resource)
    held = given.get(DOCUMENT, resource)
    named = given.get(PATIENT, {}).get("reference")
    if not isinstance(held, dict) or held.get("resourceType") != binary.BINARY:
        raise refuse("wrong-type", "The document is sent as its bytes, or in a Binary.", PLACE)
    try:
        content = base64.b64decode(held.get("data", ""), validate=True)
    except (ValueError, TypeError):
        raise refuse("illegal-value", "The data of the Binary is not base64.", f"{PLACE}.data") from None
    return made(content, patient=(*patient, named) if isinstance(named, str) else patient)


def _parameters(resource: Any) -> dict[str, Any]:
    """Return the resources and references among the parameters of a call, by name."""
    given = resource.get("parameter") if isinstance(resource, dict) else None
    found: dict[str, Any] = {}
    for one in given if isinstance(given, list) else ():
        if isinstance(one, dict):
            value = one.get("resource", one.get("valueReference"))
            if isinstance(value, dict):
                found[str(one.get("name"))] = value
    return found


def patch_of(environ: Environ, data: bytes, patches: Patches) -> Patch:
    """Return the patch that a body describes.

    Raises FhirError `unsupported-media-type`, with the types that it could be, and those of the patch.
    """
    known = ", ".join(patches.readers)
    try:
        reader = patches.readers.get(formats.body_type(environ.get("CONTENT_TYPE")))
    except FhirError as error:
        raise FhirError(*error.issues, headers={ACCEPT_PATCH: known}) from None
    if reader is None:
        issue = Issue("unsupported-media-type", f"A patch is sent as one of {known}.")
        raise FhirError(issue, headers={ACCEPT_PATCH: known})
    return reader(data)


def form_of(environ: Environ, data: bytes) -> Pairs:
    """Return the parameters of a posted form."""
    if not data:
        return ()
    sent = (environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
    if sent != formats.FORM:
        raise refuse("unsupported-media-type", f"A search is posted as {formats.FORM}.")
    try:
        return parse_query(data.decode("ascii"))
    except UnicodeDecodeError:
        raise refuse("illegal-parameter-value", "The form is not percent-encoded.") from None
