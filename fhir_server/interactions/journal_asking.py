"""What entries of the access log say was asked, as one reader may know it.

It was written down as it was sent, with the ids of whatever was asked about: also of what is withheld from
the reader.  Such an id is told like one that nothing has.  Pure: what the reader sees, the caller looks up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import parse_qsl, urlencode

from fhir_server.model.reference import is_id

NOTHING_HAS: Final = "-"
"""A logical id in the place of one that the reader does not see."""
ID_PARAMETER: Final = "_id"

Address = tuple[str, str]
"""Type and id; without a type where an id stands alone and what it is the id of is not said."""
Kept = Callable[[Address], bool]
"""Whether the reader may be told of an address."""

_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_NAMED: Final = re.compile(
    rf"(?<![A-Za-z0-9\-.])(?:([A-Z][A-Za-z]{{1,63}})/([A-Za-z0-9\-.]{{1,64}})|({_UUID})(?![A-Za-z0-9\-.]))"
)
"""What names a resource within any value: with its type, or by an id of the form that this server gives."""


def addressed(asked: str) -> tuple[str, ...]:
    """Return each `Type/id` that the addresses in a text name; the text has a line for each."""
    found = (_of_path(line.partition(" ")[2].partition("?")[0]) for line in asked.split("\n"))
    return tuple(dict.fromkeys("/".join(address) for address in found if address is not None))


def named_in(asked: str) -> Iterator[Address]:
    """Yield every address that a text names, in its addresses and its parameters."""
    for line in asked.split("\n"):
        path, _, query = line.partition(" ")[2].partition("?")
        address = _of_path(path)
        if address is not None:
            yield address
        for name, value in _pairs(query):
            yield from (found for _, found in _spans(path, name, value))


def names_hidden(asked: str, kept: Kept) -> bool:
    """Return whether an address (not a parameter) is one that the reader does not see."""
    return any(not kept(_address(text)) for text in addressed(asked))


def without_hidden(asked: str, kept: Kept) -> str:
    """Return the text with `-` for each id that the reader does not see."""
    return "\n".join(_line(line, kept) for line in asked.split("\n"))


def _line(line: str, kept: Kept) -> str:
    method, space, url = line.partition(" ")
    path, mark, query = url.partition("?")
    address = _of_path(path)
    if address is not None and not kept(address):
        parts = path.split("/")
        path = "/".join([parts[0], NOTHING_HAS, *parts[2:]])
    pairs = _pairs(query)
    told = [(name, _value(path, name, value, kept)) for name, value in pairs]
    return f"{method}{space}{path}{mark}{query if told == pairs else urlencode(told)}"


def _value(path: str, name: str, value: str, kept: Kept) -> str:
    told, end = "", 0
    for (start, stop), address in _spans(path, name, value):
        told += value[end:start] + (value[start:stop] if kept(address) else NOTHING_HAS)
        end = stop
    return told + value[end:]


def _spans(path: str, name: str, value: str) -> Iterator[tuple[tuple[int, int], Address]]:
    """Yield the place of each id in a value, with what it names."""
    if name == ID_PARAMETER:
        for match in re.finditer(r"[^,]+", value):
            yield match.span(), (path.rpartition("/")[2], match[0])
        return
    for match in _NAMED.finditer(value):
        if match[1] is not None:
            yield match.span(2), (match[1], match[2])
        else:
            yield match.span(3), (name.partition(":")[2].partition(".")[0], match[3])


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def _of_path(path: str) -> Address | None:
    parts = path.split("/")
    return (parts[0], parts[1]) if len(parts) > 1 and parts[0][:1].isupper() and is_id(parts[1]) else None


def _address(text: str) -> Address:
    kind, _, id = text.partition("/")
    return kind, id
