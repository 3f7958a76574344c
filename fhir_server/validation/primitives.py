"""The primitive types: which JSON type carries each, and which values are legal.

The patterns are our own where the published ones are slow (base64Binary) or too wide (days that no
calendar has).  To add a primitive type: one row in `PRIMITIVES`.
Spec: https://hl7.org/fhir/R4/datatypes.html#primitive, https://hl7.org/fhir/R4/json.html#primitive
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Raw

from fhir_server.model.ids import ID_PATTERN
from fhir_server.validation.narrative import is_narrative, narrative_fault
from fhir_server.validation.shapes import Primitive

MAX_STRING = 1024 * 1024
"""Characters.  Spec: https://hl7.org/fhir/R4/datatypes.html#string"""

_INT32 = 2**31
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BASE64_SPACE = b" \t\r\n"

_YEAR = r"(?!0000)[0-9]{4}"
_LEAP_YEAR = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_MONTH = r"(?:0[1-9]|1[0-2])"
_DAY = (
    rf"(?:{_YEAR}-(?:{_MONTH}-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)"
    rf"|(?:0[13578]|1[02])-31)|{_LEAP_YEAR}-02-29)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"


def is_string(value: Any) -> bool:
    """Return whether `value` is a legal string: 1 to 1,048,576 characters, not all of them white space."""
    return (
        type(value) is str
        and value != ""
        and len(value) <= MAX_STRING
        and not value.isspace()
        and (value.isprintable() or _CONTROL.search(value) is None)
    )


def is_base64(value: Any) -> bool:
    """Return whether `value` is base64 with its padding, white space allowed; linear in its length."""
    if type(value) is not str or not value.isascii():
        return False
    digits = value.encode("ascii").translate(None, _BASE64_SPACE)
    padding = digits[-2:].count(b"=")
    return (
        len(digits) > 0
        and len(digits) % 4 == 0
        and digits.translate(None, _BASE64) == b"=" * padding
        and digits.endswith(b"=" * padding)
    )


def _is_boolean(value: Any) -> bool:
    return value is True or value is False


def _is_decimal(value: Any) -> bool:
    kind = type(value)
    return kind is int or kind is Raw


def _whole(low: int) -> Callable[[Any], bool]:
    def accepts(value: Any) -> bool:
        return type(value) is int and low <= value < _INT32

    return accepts


def _text(name: str, pattern: str, form: str) -> Primitive:
    return Primitive(name, (str,), re.compile(pattern).fullmatch, form)


_STRING_FORM = "a text of at most 1,048,576 characters, not only white space, without control characters"

_ROWS = (
    Primitive("boolean", (bool,), _is_boolean, "true or false"),
    Primitive("integer", (int, Raw), _whole(-_INT32), "a whole number from -2147483648 to 2147483647"),
    Primitive("unsignedInt", (int, Raw), _whole(0), "a whole number from 0 to 2147483647"),
    Primitive("positiveInt", (int, Raw), _whole(1), "a whole number from 1 to 2147483647"),
    Primitive("decimal", (int, Raw), _is_decimal, "a number"),
    Primitive("string", (str,), is_string, _STRING_FORM),
    Primitive("markdown", (str,), is_string, _STRING_FORM),
    Primitive("base64Binary", (str,), is_base64, "base64 with its padding"),
    Primitive("id", (str,), ID_PATTERN.match, "1 to 64 letters, digits, `-` and `.`"),
    _text("code", r"\S+(?: \S+)*", "a code: no white space but single spaces inside"),
    _text("uri", r"\S+", "a URI: no white space"),
    _text("url", r"\S+", "a URL: no white space"),
    _text("canonical", r"\S+", "a canonical URL: no white space"),
    _text("oid", r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+", "an OID as `urn:oid:1.2.3`"),
    _text(
        "uuid",
        r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "a UUID as `urn:uuid:` and 36 characters in lower case",
    ),
    _text(
        "date",
        rf"{_DAY}|{_YEAR}(?:-{_MONTH})?",
        "a date as YYYY, YYYY-MM or YYYY-MM-DD, of a day that the calendar has",
    ),
    _text(
        "dateTime",
        rf"{_DAY}(?:T{_TIME}{_ZONE})?|{_YEAR}(?:-{_MONTH})?",
        "a date, or a date and time with seconds and zone as YYYY-MM-DDThh:mm:ss+zz:zz, "
        "of a day that the calendar has",
    ),
    _text(
        "instant",
        rf"{_DAY}T{_TIME}{_ZONE}",
        "an instant with seconds and zone as YYYY-MM-DDThh:mm:ss+zz:zz, of a day that the calendar has",
    ),
    _text("time", _TIME, "a time as hh:mm:ss, without zone"),
    Primitive("xhtml", (str,), is_narrative, "XHTML within one `div`", fault=narrative_fault),
)

PRIMITIVES: Mapping[str, Primitive] = MappingProxyType({row.name: row for row in _ROWS})
"""By type name."""
