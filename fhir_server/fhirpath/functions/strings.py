"""Strings.  Spec: https://hl7.org/fhirpath/N1/#string-manipulation"""

from __future__ import annotations

import base64
import binascii
import html
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

from fhir_server.fhirpath import patterns
from fhir_server.fhirpath.functions.table import Function, scalar, whole
from fhir_server.fhirpath.limits import check_text, joined
from fhir_server.fhirpath.node import Items
from fhir_server.fhirpath.singletons import integer, string

Recode = Callable[[str], str]


def _substring(text: str, start: int, length: int | None = None) -> str | None:
    if not 0 <= start < len(text):
        return None
    return text[start:] if length is None else text[start : start + max(length, 0)]


def _replace(text: str, old: str, new: str) -> str:
    check_text(len(text) + len(new) * text.count(old))
    return text.replace(old, new)


def _chars(items: Items) -> Items:
    return list(string(items) or "")


def _split(items: Items, separator: Items) -> Items:
    text, mark = string(items), string(separator)
    if text is None or mark is None:
        return []
    return list(text.split(mark)) if mark else list(text)


def _join(items: Items, separator: Items | None = None) -> Items:
    mark = (string(separator) or "") if separator is not None else ""
    texts = [text for item in items if (text := string([item])) is not None]
    return [joined(texts, mark)] if texts else []


def _hex(text: str) -> str:
    return text.encode().hex()


def _from_hex(text: str) -> str:
    return bytes.fromhex(text).decode()


def _from_base64(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()


def _from_url_base64(text: str) -> str:
    return base64.urlsafe_b64decode(text).decode()


def _escape_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _unescape_json(text: str) -> str:
    return str(json.loads('"' + text.replace('"', '\\"').replace('\\\\"', '\\"') + '"'))


_ENCODINGS: Mapping[str, Recode] = MappingProxyType(
    {
        "base64": lambda text: base64.b64encode(text.encode()).decode(),
        "urlbase64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
        "hex": _hex,
    }
)
_DECODINGS: Mapping[str, Recode] = MappingProxyType({
    "base64": _from_base64, "urlbase64": _from_url_base64, "hex": _from_hex,
})  # fmt: skip
_ESCAPES: Mapping[str, Recode] = MappingProxyType({"html": html.escape, "json": _escape_json})
_UNESCAPES: Mapping[str, Recode] = MappingProxyType({"html": html.unescape, "json": _unescape_json})


def _recode(table: Mapping[str, Recode]) -> Callable[[str, str], str | None]:
    def recode(text: str, target: str) -> str | None:
        if target not in table:
            return None
        try:
            return table[target](text)
        except (ValueError, binascii.Error):
            return None

    return recode


FUNCTIONS = (
    Function("indexOf", scalar(str.find, string, string), 1, 1),
    Function("lastIndexOf", scalar(str.rfind, string, string), 1, 1),
    Function("substring", scalar(_substring, string, integer, integer), 1, 2),
    Function("startsWith", scalar(str.startswith, string, string), 1, 1),
    Function("endsWith", scalar(str.endswith, string, string), 1, 1),
    Function("contains", scalar(str.__contains__, string, string), 1, 1),
    Function("upper", scalar(str.upper, string)),
    Function("lower", scalar(str.lower, string)),
    Function("replace", scalar(_replace, string, string, string), 2, 2),
    Function("matches", scalar(patterns.matches, string, string), 1, 1),
    Function("matchesFull", scalar(patterns.matches_full, string, string), 1, 1),
    Function("replaceMatches", scalar(patterns.replace, string, string, string), 2, 2),
    Function("length", scalar(len, string)),
    Function("toChars", whole(_chars)),
    Function("trim", scalar(str.strip, string)),
    Function("split", whole(_split), 1, 1),
    Function("join", whole(_join), 0, 1),
    Function("encode", scalar(_recode(_ENCODINGS), string, string), 1, 1),
    Function("decode", scalar(_recode(_DECODINGS), string, string), 1, 1),
    Function("escape", scalar(_recode(_ESCAPES), string, string), 1, 1),
    Function("unescape", scalar(_recode(_UNESCAPES), string, string), 1, 1),
)
