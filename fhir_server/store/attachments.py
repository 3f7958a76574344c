"""Large base64 texts leave the body of a document for blobs and come back to the byte.

In the body that is stored, such a text is replaced by a marker between two raw NULs, form letter and blob
id: `"data":"\\x00d<id>\\x00"`.  A raw NUL never occurs in JSON, so its presence is the whole test.  The
form says whether the blob holds the decoded bytes (`d`) or, where encoding them again would not give the same
text, the text itself (`t`).
Spec: https://hl7.org/fhir/R4/datatypes.html#base64Binary
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

LARGE_TEXT_BYTES: Final = 32 << 10

Form = Literal["d", "t"]

MARK: Final = b"\x00"
"""What a body has in it that refers to blobs, and no other."""

_CHARACTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\ "
"""What a large text is made of; the backslash is for escaped line breaks and slashes."""
# The standard library takes three to four times as long.
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(bytes)

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
    parts = body.split(b'"')
    for place, part in enumerate(parts):
        if len(part) >= LARGE_TEXT_BYTES and _is_value(parts, place):
            content = _content(part)
            if content is None:
                continue
            ids.append(put(content.data))
            parts[place] = f"\x00{content.form}{ids[-1]}\x00".encode("ascii")
    return (b'"'.join(parts) if ids else body), tuple(ids)


def blob_ids(body: bytes) -> tuple[str, ...]:
    """Return the ids of the blobs that a stored body refers to."""
    if MARK not in body:
        return ()
    return tuple(match[2].decode("ascii") for match in _MARKER.finditer(body))


def join(body: bytes, contents: Mapping[str, bytes]) -> bytes:
    """Return the body as it was before `split`.  Raises KeyError where a content is missing."""

    def text(match: re.Match[bytes]) -> bytes:
        data = contents[match[2].decode("ascii")]
        return _encoded(data) if match[1] == b"d" else data

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


def _is_value(parts: list[bytes], place: int) -> bool:
    """Return whether a part between quotes is a whole value.

    A quote behind a colon opens a value: within a string, a backslash would stand between them.  For the same
    reason no whole value ends in a backslash.
    """
    part = parts[place]
    return (
        0 < place < len(parts) - 1 and parts[place - 1].rstrip().endswith(b":") and not part.endswith(b"\\")
    )


def _content(text: bytes) -> Content | None:
    """Return what of a text goes to a blob, None where it is of other characters than base64 can have."""
    try:
        data = _DECODER.decode(b'"%b"' % text)
    except (msgspec.DecodeError, ValueError):
        pass
    else:
        if _encoded(data) == text:
            return Content("d", data)
    return None if text.translate(None, _CHARACTERS) else Content("t", text)


def _encoded(data: bytes) -> bytes:
    return _ENCODER.encode(data)[1:-1]
