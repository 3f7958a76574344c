"""ED as Attachment: embedded bytes checked, with their own size and hash, or the place where they are.

Spec: https://hl7.org/fhir/R4/datatypes.html#attachment
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, Final

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes.absence import absent
from importers.cda.vocabulary import value_map
from importers.cda.xml import XSI_TYPE, attr, child

Attachment = dict[str, Any]

_LOOKS: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"{\\rtf", "text/rtf"),
)
_UNKNOWN: Final = "application/octet-stream"


def attachment(cv: Conversion, node: Element | None) -> Attachment | None:
    """Return an ED as Attachment with `data`, `size` and `hash`, or with `url`; None if it holds nothing.

    Base64 may be broken into lines; what is truncated or no base64 is reported and not carried.
    """
    if node is None:
        return None
    given = attr(node, "mediaType")
    result: Attachment = absent(cv, node) or {}
    content = _content(cv, node)
    if content:
        result["contentType"] = _media_type(cv, node, given, content)
        result["data"] = base64.b64encode(content).decode("ascii")
        result["size"] = len(content)
        result["hash"] = _hash(cv, node, content)
        cv.take(node, "text()", "representation", "mediaType", XSI_TYPE)
    pointer = child(node, "reference")
    url = attr(pointer, "value")
    if pointer is not None and url is not None and not content and not url.startswith("#"):
        result["url"] = url
        cv.take(pointer, "value", XSI_TYPE)
        if given is not None:
            result["contentType"] = given
            cv.take(node, "mediaType", XSI_TYPE)
    language = attr(node, "language")
    if result and language is not None:
        result["language"] = language
        cv.take(node, "language")
    return result or None


def content_of(cv: Conversion, node: Element | None) -> bytes:
    """Return the bytes that an ED embeds, decoded; none if there are none or they cannot be read."""
    return b"" if node is None else _content(cv, node)


def _content(cv: Conversion, node: Element) -> bytes:
    text = "".join([node.text or "", *(each.tail or "" for each in node)])
    if not text.strip():
        return b""
    if (attr(node, "representation") or "TXT").upper() != "B64":
        return text.strip().encode("utf-8")
    packed = "".join(text.split())
    missing = -len(packed.rstrip("=")) % 4
    body = packed.rstrip("=")
    if missing == 3:
        cv.issue("warning", "media", "Embedded base64 ends in the middle: it was not carried over.", node)
        return b""
    try:
        content = binascii.a2b_base64(body + "=" * missing, strict_mode=True)
    except (binascii.Error, ValueError):
        cv.issue("warning", "media", "An embedded file is not legal base64: it was not carried over.", node)
        return b""
    if len(packed) - len(body) != missing:
        cv.issue(
            "information", "media", "The padding of embedded base64 was not right, it was read anyway.", node
        )
    if attr(node, "compression") is not None:
        cv.issue("warning", "media", "An embedded file is compressed; it was kept as it is.", node)
    return content


def _media_type(cv: Conversion, node: Element, given: str | None, content: bytes) -> str:
    looks = next((kind for start, kind in _LOOKS if content.startswith(start)), None)
    if given is None:
        is_text = (attr(node, "representation") or "TXT").upper() != "B64"
        return looks or ("text/plain" if is_text else _UNKNOWN)
    if looks is not None and looks.rpartition("/")[2] not in given.lower().replace("jpg", "jpeg"):
        cv.issue("warning", "media", f"A file that calls itself {given} looks like {looks}.", node)
    return given


def _hash(cv: Conversion, node: Element, content: bytes) -> str:
    """Return the SHA-1 of the bytes as FHIR wants it, after comparing it with what the document says."""
    found = base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode("ascii")
    claimed = attr(node, "integrityCheck")
    algorithm = attr(node, "integrityCheckAlgorithm") or "SHA-1"
    if claimed is not None and value_map("hash").get(algorithm) == "SHA-1":
        if claimed != found:
            cv.issue("warning", "media", "The integrity check of an embedded file does not match it.", node)
        cv.take(node, "integrityCheck", "integrityCheckAlgorithm")
    return found
