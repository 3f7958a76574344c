"""Large base64 texts leave the body of a document for blobs and come back to the byte.

In the body that is stored, such a text is replaced by a marker between two raw NULs, form letter and blob
id: `"data":"\\x00d<id>\\x00"`.  A raw NUL never occurs in JSON, so its presence is the whole test.  The
form says whether the blob holds the decoded bytes (`d`) or, where encoding them again would not give the same
text, the text itself (`t`).
Spec: https://hl7.org/fhir/R4/datatypes.html#base64Binary
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

LARGE_TEXT_BYTES: Final = 32 << 10

Form = Literal["d", "t"]

# `:"` opens a value: within a string, the quote would stand behind a backslash.  A backslash is allowed in
# the text for escaped line breaks and slashes, but not in front of the closing quote.
_LARGE = re.compile(rb':\s*"([A-Za-z0-9+/=\\ ]{%d,})(?<!\\)"' % LARGE_TEXT_BYTES)
_MARKER = re.compile(rb"\x00([dt])([^\x00]+)\x00")


@dataclass(frozen=True, slots=True)
class Content:
    """What goes to a blob."""

    form: Form
    data: bytes


def split(body: bytes, put: Callable[[bytes], str]) -> tuple[bytes, tuple[str, ...]]:
    """Return the body with markers for its large texts, and the ids of the blobs that `put` stored."""
    if len(body) <= LARGE_TEXT_BYTES:
        return body, ()
    ids: list[str] = []

    def marker(match: re.Match[bytes]) -> bytes:
        content = _content(match[1])
        ids.append(put(content.data))
        before = body[match.start() : match.start(1)]
        return before + f'\x00{content.form}{ids[-1]}\x00"'.encode("ascii")

    return _LARGE.sub(marker, body), tuple(ids)


def blob_ids(body: bytes) -> tuple[str, ...]:
    """Return the ids of the blobs that a stored body refers to."""
    if b"\x00" not in body:
        return ()
    return tuple(match[2].decode("ascii") for match in _MARKER.finditer(body))


def join(body: bytes, contents: Mapping[str, bytes]) -> bytes:
    """Return the body as it was before `split`.  Raises KeyError where a content is missing."""

    def text(match: re.Match[bytes]) -> bytes:
        data = contents[match[2].decode("ascii")]
        return base64.b64encode(data) if match[1] == b"d" else data

    return _MARKER.sub(text, body) if b"\x00" in body else body


def without_large_texts(value: Any) -> Any:
    """Return a tree without the strings that `split` would set apart from its body."""
    if isinstance(value, dict):
        return {name: without_large_texts(part) for name, part in value.items() if not _is_large(part)}
    if isinstance(value, list):
        return [without_large_texts(part) for part in value]
    return value


def _is_large(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= LARGE_TEXT_BYTES


def _content(text: bytes) -> Content:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        return Content("t", text)
    return Content("d", data) if base64.b64encode(data) == text else Content("t", text)
