"""A reply written out: the wire format that was agreed on, the headers that go with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response

from fhir_server.http import binary, formats
from fhir_server.http.binary import Content
from fhir_server.http.codecs import Codecs
from fhir_server.http.formats import Format
from fhir_server.http.headers import etag, last_modified
from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.request import Pairs, Reply
from fhir_server.model.outcome import FhirError

FORMAT_PARAMETER = "_format"
PRETTY_PARAMETER = "_pretty"


@dataclass(frozen=True, slots=True)
class Wire:
    """How the answer will be written.  `content`: a Binary goes out as the bytes that it holds."""

    format: Format
    pretty: bool = False
    content: bool = False


PLAIN = Wire(formats.JSON)


def agree(interaction: Interaction, resource_type: str, query: Pairs, environ: Mapping[str, Any]) -> Wire:
    """Return what the client can read.  Raises FhirError `not-acceptable`."""
    accept = environ.get("HTTP_ACCEPT")
    override = pretty = None
    for name, value in query:
        if name == FORMAT_PARAMETER:
            override = value
        elif name == PRETTY_PARAMETER:
            pretty = value
    sent = environ.get("CONTENT_TYPE") if interaction.takes in ("resource", "patch") else None
    if resource_type == binary.BINARY and binary.is_content(sent):
        sent = None
    holds_content = interaction.content or (
        resource_type == binary.BINARY and interaction.name in binary.READS
    )
    if holds_content and not formats.names_fhir(override, accept):
        return Wire(formats.JSON, content=True)
    agreed = formats.answer_format(override, accept, sent)
    if pretty is None and agreed is PLAIN.format:
        return PLAIN
    return Wire(agreed, pretty == "true")


def stray_wire(environ: Mapping[str, Any]) -> Wire:
    """Return how the refusal of an address without interaction is written; never refuses itself."""
    try:
        agreed = formats.answer_format(None, environ.get("HTTP_ACCEPT"))
    except FhirError:
        return PLAIN
    return PLAIN if agreed is PLAIN.format else Wire(agreed)


def encoded(reply: Reply, wire: Wire, codecs: Codecs) -> bytes:
    """Return the body in the format agreed on.  Raises FhirError `not-acceptable` where that cannot be."""
    if wire is PLAIN or not reply.body:
        return reply.body
    codec = codecs.of(wire.format)
    return (codec.pretty if wire.pretty else codec.encode)(reply.body)


@dataclass(slots=True)
class Answer:
    """What goes out: `content_type` is None where there is no body; `fields` are the other headers."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes = b""
    content_type: str | None = None


def write(
    reply: Reply,
    body: bytes,
    wire: Wire,
    request_id: str,
    base_url: str,
    content: Content | None = None,
    caching: str = "no-store",
) -> Answer:
    """Return the answer: `body` is that of the reply, encoded; ETag, Last-Modified, Location as known."""
    fields = [("X-Request-Id", request_id), ("Cache-Control", caching)]
    if reply.version is not None:
        fields.append(("ETag", etag(reply.version)))
    if reply.modified is not None:
        fields.append(("Last-Modified", last_modified(reply.modified)))
    if reply.location is not None:
        fields.append(("Location", f"{base_url}/{reply.location}"))
    fields.extend(reply.headers.items())
    if content is not None:
        fields.extend(content.headers.items())
        return Answer(reply.status, fields, content.data, content.content_type)
    return Answer(reply.status, fields, body, wire.format.content_type if body else None)


def response_of(answer: Answer) -> Response:
    """Return an answer as Flask takes it."""
    if answer.content_type is None:
        bare = Response(b"", answer.status, answer.fields)
        del bare.headers["Content-Type"]
        return bare
    return Response(answer.body, answer.status, answer.fields, content_type=answer.content_type)
