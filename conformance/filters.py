"""What a hole may do to its value: `{{p:meta.lastUpdated|url}}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from conformance.instants import instant
from conformance.saved import ETAG, LOCATION


def _url(value: str) -> str:
    return quote(value, safe="")


def _etag(value: str) -> str | None:
    found = ETAG.fullmatch(value.strip())
    return found[1] if found else None


def _ref(value: str) -> str | None:
    found = LOCATION.search(value)
    return f"{found[1]}/{found[2]}" if found else None


def _rfc850(value: str) -> str:
    return instant(value).strftime("%A, %d-%b-%y %H:%M:%S GMT")


def _asctime(value: str) -> str:
    return re.sub(r" 0(\d )", r"  \1", instant(value).strftime("%a %b %d %H:%M:%S %Y"), count=1)


FILTERS: Mapping[str, Callable[[str], str | None]] = {
    "url": _url,
    "etag": _etag,
    "ref": _ref,
    "rfc850": _rfc850,
    "asctime": _asctime,
}
"""Percent-encode · the version of an ETag · `Type/id` of a location · an HTTP date in its two old forms.

Each returns None where the value has nothing of the kind; the dates raise BadInstant.
"""
