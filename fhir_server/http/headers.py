"""Request headers read, answer headers written.  Spec: https://hl7.org/fhir/R4/http.html"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from werkzeug.http import http_date

from fhir_server.interactions.request import Conditions, Idempotency, Prefer, Return
from fhir_server.model.ids import Ids
from fhir_server.model.outcome import refuse
from fhir_server.model.view import ActorRef

Environ = Mapping[str, Any]

REQUEST_ID = re.compile(r"[A-Za-z0-9._~\-]{1,128}\Z")
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
RETURNS: Mapping[str, Return] = {
    "minimal": "minimal",
    "representation": "representation",
    "OperationOutcome": "OperationOutcome",
}
NO_PREFERENCE = Prefer()
NO_CONDITIONS = Conditions()


def request_id(environ: Environ, ids: Ids, now: datetime) -> str:
    """Return the X-Request-Id of the client where it is a plain token, else a new one."""
    sent = environ.get("HTTP_X_REQUEST_ID")
    if sent is not None and REQUEST_ID.match(sent):
        return str(sent)
    return ids.new(now)


def conditions(environ: Environ) -> Conditions:
    """Return the conditional headers as they were sent."""
    if not (
        "HTTP_IF_MATCH" in environ
        or "HTTP_IF_NONE_MATCH" in environ
        or "HTTP_IF_NONE_EXIST" in environ
        or "HTTP_IF_MODIFIED_SINCE" in environ
    ):
        return NO_CONDITIONS
    return Conditions(
        if_match=environ.get("HTTP_IF_MATCH"),
        if_none_match=environ.get("HTTP_IF_NONE_MATCH"),
        if_modified_since=environ.get("HTTP_IF_MODIFIED_SINCE"),
        if_none_exist=environ.get("HTTP_IF_NONE_EXIST"),
    )


def prefer(environ: Environ) -> Prefer:
    """Return what the Prefer header asks; what it asks that we do not know is passed over.

    Spec: https://www.rfc-editor.org/rfc/rfc7240
    """
    header = environ.get("HTTP_PREFER")
    if header is None:
        return NO_PREFERENCE
    answer: Return | None = None
    strict = False
    for part in re.split(r"[,;]", header):
        name, _, value = part.partition("=")
        name, value = name.strip().lower(), value.strip().strip('"')
        if name == "return":
            answer = RETURNS.get(value, answer)
        elif name == "handling":
            strict = value.lower() == "strict"
    return Prefer(answer, strict)


def idempotency(environ: Environ, actor: ActorRef, body: bytes) -> Idempotency | None:
    """Return the idempotency key, kept apart for each actor.  Raises FhirError `malformed-header`."""
    sent = environ.get("HTTP_IDEMPOTENCY_KEY")
    if sent is None:
        return None
    if not IDEMPOTENCY_KEY.match(sent):
        raise refuse("malformed-header", "Idempotency-Key has 1 to 255 visible ASCII characters.")
    scope = f"{actor.kind}|{actor.identity}|{sent}"
    target = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}\n"
    digest = hashlib.sha256(target.encode("utf-8", "surrogateescape") + body).digest()
    return Idempotency(hashlib.sha256(scope.encode()).hexdigest(), digest)


def etag(version: int) -> str:
    """Return the weak ETag of a version."""
    return f'W/"{version}"'


@lru_cache(maxsize=1024)
def last_modified(instant: datetime) -> str:
    """Return an HTTP date, whole seconds."""
    return http_date(instant)
