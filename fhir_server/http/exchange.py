"""One request carried through: read, answered by its interaction, noted in the access log, written out."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import flask
from flask import Response
from werkzeug.exceptions import HTTPException

from fhir_server.http import binary, errors, headers, reading
from fhir_server.http.answers import PLAIN, Answer, Wire, agree, encoded, response_of, stray_wire, write
from fhir_server.http.authentication import Authentication
from fhir_server.http.binary import Content
from fhir_server.http.codecs import Codecs
from fhir_server.http.forwarded import Proxies
from fhir_server.http.log import log_request
from fhir_server.interactions.context import Context
from fhir_server.interactions.dispatch import Address, Interaction, parse_query
from fhir_server.interactions.gate import Refused
from fhir_server.interactions.importing.delivery import delivering
from fhir_server.interactions.request import Pairs, Reply, Request
from fhir_server.interactions.writing import audit_entries
from fhir_server.model.altering import replace
from fhir_server.model.outcome import FhirError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment as Environ

PREFIX = "/fhir"
"""The path of the API on this server."""

STRAY = "unknown"
"""The interaction of an audit entry, and the route of a line, for an address that has none."""


UNAUTHORIZED = 401
NOT_KEPT = "no-store"
PRIVATE = "no-store, private"

Encoded = tuple[Reply, bytes, Wire]


@dataclass(slots=True)
class _Course:
    """How far a request came: what is known of it by then, also where it was refused on the way."""

    request: Request
    wire: Wire = PLAIN
    content: Content | None = None
    situation: str | None = None
    """Why it was refused."""


class Exchange:
    """Carries requests to the interactions of one context, each inside the View that the gate gives it.

    Immutable; shared by all threads of a worker.
    """

    def __init__(
        self,
        context: Context,
        codecs: Codecs,
        authentication: Authentication,
        max_body_bytes: int,
        proxies: Proxies = Proxies(),  # noqa: B008 - frozen
    ) -> None:
        self._context = context
        self._proxies = proxies
        self._codecs = codecs
        self._authentication = authentication
        self._max_body_bytes = max_body_bytes
        self._caching = PRIVATE if authentication.governed else NOT_KEPT

    def answer(self, interaction: Interaction, **parts: Any) -> Response:
        """Return the answer to Flask's current request; `parts` are the variables of its address."""
        return response_of(self.answered(flask.request.environ, Address(interaction, **parts)))

    def answered(self, environ: Environ, address: Address) -> Answer:
        """Return the answer to a request whose address was understood, free of any framework."""
        started, interaction = perf_counter(), address.interaction
        course = _Course(self._bare(environ, interaction.name, address))
        context = self._seen_through(environ)
        try:
            reply = self._carry(environ, interaction, context, course)
        except Exception as error:
            reply = self._refused(error, environ, course)
        reply, body, wire = self._encoded(environ, course.request, reply, course.wire)
        if interaction.logged and not reply.audited:
            noted = self._note(course, reply)
            if noted is not reply:
                course.content = None
                reply, body, wire = self._encoded(environ, course.request, noted, wire)
        request_id = course.request.request_id
        _log(environ, PREFIX + interaction.shape, reply.status, started, request_id)
        return write(reply, body, wire, request_id, context.base_url, course.content, self._caching)

    def _carry(self, environ: Environ, interaction: Interaction, context: Context, course: _Course) -> Reply:
        """Return what the interaction answers; `course` follows.  Raises whatever goes wrong."""
        request = course.request
        if not interaction.public:
            request = course.request = self._authentication.identified(environ, request)
        resource_type = request.resource_type
        within = request.compartment
        compartment = () if within is None else (within.resource_type, within.id)
        self._context.dispatcher.check(resource_type, request.id, request.version_id, *compartment)
        query = parse_query(environ.get("QUERY_STRING", ""))
        course.wire = agree(interaction, resource_type, query, environ)
        request = course.request = self._read(environ, interaction, request, query)
        if interaction.takes == "form":
            course.wire = agree(interaction, resource_type, request.query, environ)
        request = course.request = self._context.gate.admit(interaction, request)
        reply = interaction.handler(context, request)
        if course.wire.content and reply.body:
            course.content = binary.content_of(reply.body, environ.get("HTTP_ACCEPT"))
        return reply

    def _refused(self, error: Exception, environ: Environ, course: _Course) -> Reply:
        reply = self._refusal(error, environ, course.request.request_id)
        course.content = None
        if isinstance(error, FhirError):
            course.situation = error.issues[0].situation
        if isinstance(error, Refused):
            reply = replace(reply, attempts=(error.attempt,))
        if reply.status == UNAUTHORIZED:
            course.wire = stray_wire(environ)
        return reply

    def stray(self, error: HTTPException) -> Response:
        """Return the answer to a request whose address has no interaction."""
        started = perf_counter()
        environ = flask.request.environ
        course = _Course(self._bare(environ, STRAY))
        course.wire = stray_wire(environ)
        try:
            course.request = self._authentication.identified(environ, course.request)
            raise error
        except (HTTPException, FhirError) as refusal:
            reply = self._note(course, self._refused(refusal, environ, course))
        request_id = course.request.request_id
        reply, body, wire = self._encoded(environ, course.request, reply, course.wire)
        _log(environ, STRAY, reply.status, started, request_id)
        written = write(reply, body, wire, request_id, self._context.base_url, caching=self._caching)
        return response_of(written)

    def _seen_through(self, environ: Environ) -> Context:
        """Return the context whose links lead where the client is, beyond its proxies."""
        base_url = self._proxies.base_url(environ, self._context.base_url, PREFIX)
        return (
            self._context if base_url == self._context.base_url else replace(self._context, base_url=base_url)
        )

    def _bare(self, environ: Environ, interaction: str, address: Address | None = None) -> Request:
        """Return the request as far as it can be told without refusing anything."""
        now = self._context.clock.now()
        return Request(
            interaction, self._authentication.first_view, now,
            headers.request_id(environ, self._context.ids, now),
            resource_type="" if address is None else address.resource_type,
            id="" if address is None else address.id,
            version_id="" if address is None else address.version_id,
            compartment=None if address is None else address.within,
            conditions=headers.conditions(environ), prefer=headers.prefer(environ),
            actor=self._authentication.first_actor,
        )  # fmt: skip

    def _read(self, environ: Environ, interaction: Interaction, request: Request, query: Pairs) -> Request:
        if interaction.method == "GET":
            return replace(request, query=query) if query else request
        data = reading.read_bytes(environ, self._max_body_bytes)
        if interaction.takes == "form":
            return replace(request, query=query + reading.form_of(environ, data))
        body = None
        if interaction.takes == "resource":
            body = reading.resource_of(
                environ, data, self._codecs, interaction, request.resource_type, request.id
            )
        if interaction.takes == "document":
            body = reading.delivery_of(environ, data, self._codecs, query, delivering(self._context))
        patch = (
            reading.patch_of(environ, data, self._codecs.patches) if interaction.takes == "patch" else None
        )
        promise = headers.idempotency(environ, request.view.actor, data)
        return replace(request, query=query, body=body, patch=patch, idempotency=promise)

    def _encoded(self, environ: Environ, request: Request, reply: Reply, wire: Wire) -> Encoded:
        """Return the answer, its body, and how that is written.

        What the format cannot say is refused in JSON; where it was committed already, it is said in JSON.
        """
        try:
            return reply, encoded(reply, wire, self._codecs), wire
        except Exception as error:
            refused = self._refusal(error, environ, request.request_id)
            reply = reply if reply.audited or reply.is_outcome else refused
            return reply, reply.body, PLAIN

    def _refusal(self, error: Exception, environ: Environ, request_id: str) -> Reply:
        base = self._context.canonical_base
        if isinstance(error, FhirError):
            return errors.refusal(error, base)
        if isinstance(error, HTTPException):
            method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
            return errors.refusal(errors.of_http(error, method, path), base)
        return errors.failure(error, request_id, base)

    def _note(self, course: _Course, reply: Reply) -> Reply:
        """Put the answer in the access log and return it, or the refusal when the log cannot take it."""
        request = course.request
        touched: dict[str | None, list[str]] = {}
        for shown in reply.shown:
            touched.setdefault(shown.owner, []).append(shown.entity)
        # Where nothing was shown of a record that was asked about, that is a line of its journal too.
        asked = reply.persons if request.view.owner is None else (request.view.owner, *reply.persons)
        met: dict[str | None, list[str]] = {request.view.owner: []} if request.by_address else {}
        for one in reply.met:
            met.setdefault(one.owner, []).extend([one.asked] if one.asked else ())
        for owner in (*asked, *met):
            touched.setdefault(owner, [])
        attempts = reply.attempts if request.attempt is None else (request.attempt, *reply.attempts)
        entries = audit_entries(
            self._context, request, reply.status, touched.items(),
            interaction=reply.interaction, query=reply.query,
            situation=course.situation, attempts=attempts,
            met={owner: asked for owner, asked in met.items() if owner not in reply.persons},
        )  # fmt: skip
        audit = self._context.audit
        try:
            tickets = [audit.append(entry) for entry in entries]
            if self._context.audit_waits:
                for ticket in tickets:
                    audit.flush(ticket)
        except FhirError as error:
            return errors.refusal(error, self._context.canonical_base)
        return reply


def _log(environ: Environ, route: str, status: int, started: float, request_id: str) -> None:
    log_request(environ["REQUEST_METHOD"], route, status, (perf_counter() - started) * 1000, request_id)
