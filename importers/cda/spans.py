"""Where each element of a document stands in its bytes, found in one pass that also keeps the limits.

The pass only splits the text into tags; whether the document is well-formed is for the parser to say.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import AnyStr, Final, NoReturn

from importers.result import Unreadable

_MARKUP: Final = (
    r"<(?:"
    r"(?P<open>[^<>\"'!?/][^<>\"']*+(?:\"[^\"<]*+\"[^<>\"']*+|'[^'<]*+'[^<>\"']*+)*+>)"
    r"|(?P<close>/[^<>]*+>)"
    r"|(?P<skip>!--.*?-->|!\[CDATA\[.*?\]\]>)"
    r"|(?P<instruction>\?.*?\?>)"
    r"|(?P<doctype>!DOCTYPE)"
    r"|(?P<broken>)"
    r")"
)
_OF_BYTES: Final = re.compile(_MARKUP.encode("ascii"), re.DOTALL)
_OF_TEXT: Final = re.compile(_MARKUP, re.DOTALL)
_OPEN: Final = _OF_BYTES.groupindex["open"]
_CLOSE: Final = _OF_BYTES.groupindex["close"]
_SLASHES: Final = frozenset({"/", b"/"})
_CHECKED_EVERY: Final = 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may be; beyond it the bytes are refused before they are parsed."""

    size_bytes: int = 32 * 1024 * 1024
    depth: int = 100
    elements: int = 200_000
    siblings: int = 5_000
    """Elements directly inside one."""
    text_length: int = 28 * 1024 * 1024
    """Characters between two tags, an embedded document in base64 included."""
    tag_length: int = 64 * 1024
    """Characters of one tag with its attributes."""
    seconds: float = 20.0
    repeated_length: int = 64 * 1024 * 1024
    """Characters that references to anchors of the text may come to, all together."""


@dataclass(frozen=True, slots=True)
class Spans:
    """First byte and byte after the last of every element, in the order of their start tags."""

    starts: Sequence[int]
    ends: Sequence[int]
    instructions: int
    """Processing instructions met, the XML declaration not counted."""


def spans(data: bytes, encoding: str, limits: Limits, clock: Callable[[], float] = time.monotonic) -> Spans:
    """Return where the elements of `data` stand; `encoding` is what the bytes really are in.

    Raises Unreadable: `doctype`, `malformed`, `too-deep`, `too-many-elements`, `text-too-long`,
    `tag-too-long`, `too-slow`.
    """
    if not encoding.startswith("utf-16"):
        return _Pass(limits, clock).run(_OF_BYTES, data)
    text = data.decode(encoding)
    found = _Pass(limits, clock).run(_OF_TEXT, text)
    wide = [index for index, letter in enumerate(text) if letter > "\uffff"]

    def bytes_before(index: int) -> int:
        return 2 * (index + bisect_left(wide, index))

    return Spans(
        tuple(map(bytes_before, found.starts)), tuple(map(bytes_before, found.ends)), found.instructions
    )


class _Pass:
    """One pass over one document."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._deadline = clock() + limits.seconds
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._open: list[int] = []
        self._instructions = 0

    def run(self, pattern: re.Pattern[AnyStr], data: AnyStr) -> Spans:
        limits, starts, ends, opened = self._limits, self._starts, self._ends, self._open
        last = 0
        for found in pattern.finditer(data):
            start, end = found.span()
            kind = found.lastindex
            if start - last > limits.text_length:
                self._refuse("text-too-long", "A text has more than {} characters.", limits.text_length)
            last = end
            if kind == _OPEN:
                if end - start > limits.tag_length:
                    self._refuse("tag-too-long", "A tag has more than {} characters.", limits.tag_length)
                if data[end - 2 : end - 1] not in _SLASHES:
                    opened.append(len(starts))
                starts.append(start)
                ends.append(end)
                if len(opened) > limits.depth or not len(starts) % _CHECKED_EVERY:
                    self._check()
            elif kind == _CLOSE and opened:
                ends[opened.pop()] = end
            else:
                self._odd(found.lastgroup, start, end)
        self._check()
        if opened:
            raise Unreadable("malformed", f"The document ends within {len(opened)} open elements.")
        return Spans(starts, ends, self._instructions)

    def _check(self) -> None:
        limits = self._limits
        if len(self._open) > limits.depth:
            self._refuse("too-deep", "Elements are nested more than {} levels deep.", limits.depth)
        if len(self._starts) > limits.elements:
            self._refuse("too-many-elements", "The document has more than {} elements.", limits.elements)
        if self._clock() > self._deadline:
            self._refuse("too-slow", "Reading took longer than {} s.", limits.seconds)

    def _odd(self, kind: str | None, start: int, end: int) -> None:
        if kind == "skip":
            if end - start > self._limits.text_length:
                limit = self._limits.text_length
                self._refuse("text-too-long", "A text has more than {} characters.", limit)
        elif kind == "instruction":
            self._instructions += start > 3  # the declaration stands at the start, after a mark at most
        elif kind == "doctype":
            raise Unreadable("doctype", "A document type declaration is not allowed (entities, DTD).")
        elif kind == "close":
            raise Unreadable("malformed", f"At {start} an element is closed that was not opened.")
        else:
            raise Unreadable("malformed", f"At {start} a tag is not closed or not well-formed.")

    def _refuse(self, kind: str, text: str, limit: float) -> NoReturn:
        raise Unreadable(kind, text.format(f"{limit:g}" if isinstance(limit, float) else limit))
