"""ETags and dates as preconditions.

Spec: https://hl7.org/fhir/R4/http.html#concurrency, https://www.rfc-editor.org/rfc/rfc9110#section-13
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from fhir_server.interactions.request import Conditions
from fhir_server.model.document import Stored
from fhir_server.model.outcome import FhirError, Issue, refuse

ANY = "*"
_ETAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')
_ETAGS = re.compile(rf"\s*{_ETAG.pattern}(?:\s*,\s*{_ETAG.pattern})*\s*\Z")


def version_ids(text: str, header: str, expression: str | None = None) -> Sequence[str]:
    """Return the version ids of a list of ETags (`W/"3"`; weak and strong alike), or `["*"]`.

    Raises FhirError `malformed-header`.
    """
    if text.strip() == ANY:
        return [ANY]
    if not _ETAGS.match(text):
        raise refuse("malformed-header", f'{header} holds ETags of the form W/"3".', expression)
    return _ETAG.findall(text)


def check_if_match(conditions: Conditions, current: Stored | None, expression: str | None = None) -> None:
    """Raise FhirError `stale-version` unless the current version (None: there is none) is a named one."""
    if conditions.if_match is None:
        return
    wanted = version_ids(conditions.if_match, "If-Match", expression)
    exists = current is not None and not current.deleted
    if exists and current is not None and (ANY in wanted or str(current.version) in wanted):
        return
    raise stale(expression)


def stale(expression: str | None = None) -> FhirError:
    """Return the 412 of a precondition that names another version than the current one."""
    text = "If-Match names a version that is not the current one; read the resource again."
    return FhirError(Issue("stale-version", text, expression))


def check_if_none_match(
    conditions: Conditions, current: Stored | None, expression: str | None = None
) -> None:
    """Raise FhirError `exists` when a write says that the resource, or this version, must not exist."""
    if conditions.if_none_match is None or current is None or current.deleted:
        return
    unwanted = version_ids(conditions.if_none_match, "If-None-Match", expression)
    if ANY in unwanted or str(current.version) in unwanted:
        raise FhirError(Issue("exists", "If-None-Match names what exists.", expression))


def is_unchanged(conditions: Conditions, stored: Stored) -> bool:
    """Return whether a read may be answered 304.  What cannot be read in these headers is passed over.

    A date is of one of the three forms of HTTP: RFC 1123, RFC 850, asctime.
    """
    if conditions.if_none_match is not None:
        text = conditions.if_none_match
        known = [ANY] if text.strip() == ANY else _ETAG.findall(text) if _ETAGS.match(text) else []
        return ANY in known or str(stored.version) in known
    since = _http_date(conditions.if_modified_since or "")
    return since is not None and stored.updated.replace(microsecond=0) <= since


def _http_date(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
