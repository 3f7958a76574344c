"""Instants as FHIR and HTTP write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FHIR_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class BadInstant(ValueError):
    """A text is neither a FHIR instant nor an HTTP date."""


def instant(text: str) -> datetime:
    """Return the aware UTC time of a FHIR instant or an HTTP date.  Raises BadInstant."""
    try:
        if FHIR_INSTANT.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
        return parsedate_to_datetime(text).astimezone(UTC)
    except (TypeError, ValueError):
        raise BadInstant(f"{text!r} is neither a FHIR instant nor an HTTP date") from None
