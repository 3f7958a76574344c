"""The slow JSON reader: strict, exact, and able to say where the fault is.

It reads what the fast decoder could not be trusted with, and explains what is wrong with the rest.
Spec: https://www.rfc-editor.org/rfc/rfc8259, https://hl7.org/fhir/R4/json.html
"""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

from fhir_server.model.number import number
from fhir_server.model.outcome import FhirError, refuse

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LITERALS = (("true", True), ("false", False), ("null", None))
_STRINGS = JSONDecoder(strict=True)
_MAX_DIGITS = 4000
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_json(data: bytes, max_depth: int) -> Any:
    """Return the exact tree of a JSON text.

    Raises FhirError `malformed-json`, `duplicate-key`, `too-deep` or `illegal-character` with line,
    column and, where an element was reached, its FHIRPath.
    """
    if data.startswith(_BYTE_ORDER_MARK):
        raise refuse("illegal-character", "The body begins with a byte order mark; send UTF-8 without one.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refuse(
            "illegal-character", f"The body is not UTF-8: illegal byte at offset {error.start}."
        ) from None
    return _Reader(text, max_depth).read()


class _Reader:
    """One pass over one text; `path` holds the keys and indexes from the root to where the reader is."""

    __slots__ = ("_max_depth", "_path", "_root", "_text")

    def __init__(self, text: str, max_depth: int) -> None:
        self._text = text
        self._max_depth = max_depth
        self._path: list[str | int] = []
        self._root: str | None = None

    def read(self) -> Any:
        value, position = self._value(self._skip(0))
        position = self._skip(position)
        if position != len(self._text):
            self._fail("malformed-json", "text after the end of the JSON value", position)
        return value

    def _value(self, position: int) -> tuple[Any, int]:
        character = self._text[position : position + 1]
        if character == "{":
            return self._object(position)
        if character == "[":
            return self._array(position)
        if character == '"':
            return self._string(position)
        for word, value in _LITERALS:
            if self._text.startswith(word, position):
                return value, position + len(word)
        return self._number(position)

    def _object(self, position: int) -> tuple[dict[str, Any], int]:
        self._enter(position)
        members: dict[str, Any] = {}
        place = self._skip(position + 1)
        if self._text[place : place + 1] == "}":
            return members, place + 1
        while True:
            key, after = self._key(place)
            self._path.append(key)
            if key in members:
                self._fail("duplicate-key", "the key stands twice in one object", place)
            members[key], place = self._value(after)
            if key == "resourceType" and len(self._path) == 1 and isinstance(members[key], str):
                self._root = members[key]
            self._path.pop()
            place, more = self._separator(place, "}")
            if not more:
                return members, place

    def _array(self, position: int) -> tuple[list[Any], int]:
        self._enter(position)
        items: list[Any] = []
        place = self._skip(position + 1)
        if self._text[place : place + 1] == "]":
            return items, place + 1
        while True:
            self._path.append(len(items))
            item, place = self._value(place)
            items.append(item)
            self._path.pop()
            place, more = self._separator(place, "]")
            if not more:
                return items, place

    def _key(self, position: int) -> tuple[str, int]:
        if self._text[position : position + 1] != '"':
            self._fail("malformed-json", "a key in double quotes is expected", position)
        key, after = self._string(position)
        after = self._skip(after)
        if self._text[after : after + 1] != ":":
            self._fail("malformed-json", "a colon is expected after the key", after)
        return key, self._skip(after + 1)

    def _separator(self, position: int, closing: str) -> tuple[int, bool]:
        """Return where the next item begins and True, or the end of the container and False."""
        place = self._skip(position)
        character = self._text[place : place + 1]
        if character == closing:
            return place + 1, False
        if character != ",":
            self._fail("malformed-json", f"a comma or '{closing}' is expected", place)
        return self._skip(place + 1), True

    def _string(self, position: int) -> tuple[str, int]:
        try:
            value, after = _STRINGS.raw_decode(self._text, position)
        except JSONDecodeError as error:
            self._fail("malformed-json", "the string is not legal JSON", error.pos)
        if "\0" in value:
            self._fail("illegal-character", "the string holds the character NUL", position)
        if _SURROGATE.search(value) is not None:
            self._fail("illegal-character", "the string holds half of a surrogate pair", position)
        return value, after

    def _number(self, position: int) -> tuple[Any, int]:
        match = _NUMBER.match(self._text, position)
        if match is None:
            self._fail("malformed-json", "a JSON value is expected", position)
        if len(match[0]) > _MAX_DIGITS:
            self._fail("malformed-json", f"the number has more than {_MAX_DIGITS} characters", position)
        return number(match[0]), match.end()

    def _enter(self, position: int) -> None:
        # A path of n steps leads to a container that is nested n + 1 deep.
        if len(self._path) >= self._max_depth:
            self._fail("too-deep", f"nested more than {self._max_depth} deep", position)

    def _skip(self, position: int) -> int:
        match = _SPACE.match(self._text, position)
        return match.end() if match is not None else position

    def _fail(self, situation: str, what: str, position: int) -> NoReturn:
        raise self._error(situation, what, position)

    def _error(self, situation: str, what: str, position: int) -> FhirError:
        line = self._text.count("\n", 0, position) + 1
        column = position - (self._text.rfind("\n", 0, position) + 1) + 1
        if position >= len(self._text) and situation == "malformed-json":
            what = f"the text ends too early; {what}"
        return refuse(situation, f"Line {line}, column {column}: {what}.", self._expression())

    def _expression(self) -> str | None:
        steps: list[str] = [self._root] if self._root is not None else []
        for step in self._path:
            if isinstance(step, int):
                if steps:
                    steps[-1] += f"[{step}]"
            elif step.isidentifier():
                steps.append(step)
            else:
                break
        return ".".join(steps) or None
