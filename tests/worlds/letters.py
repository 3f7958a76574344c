"""Clinical documents that the two worlds are sent, and what records hold of documents of the same ids."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1
from typing import Any, Final

from tests.governed import INS
from tests.http.imported import PERSONS, document

SYSTEM: Final = "urn:oid:2.999.5"
IDS: Final = 3


def letter(person: str, number: int, *, replaces: int | None = None) -> bytes:
    """Return a document about a person, of one of a few ids; `replaces` is the number of an earlier one."""
    earlier = "" if replaces is None else _id(person, replaces)
    data = document(_id(person, number), person, replaces=earlier, author="W1")
    return data.replace(PERSONS.encode(), INS.removeprefix("urn:oid:").encode())


def stored_as(person: str, variant: int) -> dict[str, Any]:
    """Return elements of a DocumentReference of such an id: of the same bytes, of others, or replacing one."""
    number = variant % IDS
    hash = sha1(letter(person, number), usedforsecurity=False).digest() if variant % 2 else b"other bytes"
    elements: dict[str, Any] = {
        "masterIdentifier": _identifier(person, number),
        "content": [
            {"attachment": {"contentType": "application/xml", "hash": b64encode(hash).decode("ascii")}}
        ],
    }
    if variant % 4 == 3:
        target = {"identifier": _identifier(person, number + 1)}
        elements["relatesTo"] = [{"code": "replaces", "target": target}]
    return elements


def _identifier(person: str, number: int) -> dict[str, str]:
    return {"system": SYSTEM, "value": _id(person, number)}


def _id(person: str, number: int) -> str:
    return f"{person}-L{number % IDS}"
