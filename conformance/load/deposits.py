"""Clinical documents to be imported: each can be sent any number of times, and is another one each time.

The identifiers of the document and of its person end in `exchange.MARK`, which gives way to fresh characters
whenever the document is sent: an import of the same document again would write nothing.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from conformance.load.exchange import MARK, freshened
from conformance.load.target import LoadRefused, Target

PATH = "/$import-document"
MEDIA_TYPE = "application/xml"
MOST = 64
"""Documents of a directory that are used, spread over their names."""
CONNECTIONS = 2
ANSWER_S = 120.0

_ROOT = re.compile(rb"<(?:[\w.-]+:)?ClinicalDocument\b")
_ROLE = re.compile(rb"<(?:[\w.-]+:)?patientRole\b[^>]*>")
_ID = re.compile(rb"<(?:[\w.-]+:)?id\b[^>]*>")
_IDS = re.compile(rb"(?:\s|<!--.*?-->|<(?:[\w.-]+:)?id\b[^>]*>|</(?:[\w.-]+:)?id>)*", re.DOTALL)
_EXTENSION = re.compile(rb"""\bextension\s*=\s*(["'])[^"']*(?=\1)""")
_NAME = re.compile(rb"<[^\s/>]+")


@dataclass(frozen=True, slots=True)
class Deposit:
    """A document with marks, and how many resources a server makes of it that knows what it refers to."""

    data: bytes
    resources: int


def read_documents(directory: Path) -> tuple[bytes, ...]:
    """Return up to `MOST` clinical documents (`*.xml`) below a directory, each with marks, by name.

    Raises LoadRefused where there are none.
    """
    found = [data for path in sorted(directory.rglob("*.xml")) if (data := marked(path.read_bytes()))]
    if not found:
        raise LoadRefused(f"There are no clinical documents (*.xml) below {directory}.")
    step = max(1, len(found) / MOST)
    return tuple(found[int(place * step)] for place in range(min(MOST, len(found))))


def marked(data: bytes) -> bytes | None:
    """Return a document whose own identifier and those of its person have the mark; None if it is none."""
    root = _ROOT.search(data)
    own = _ID.search(data, root.end()) if root else None
    role = _ROLE.search(data, own.end()) if own else None
    if own is None or role is None:
        return None
    ids = _IDS.match(data, role.end())
    spans = [own.span(), *(one.span() for one in _ID.finditer(data, role.end(), ids.end() if ids else 0))]
    return b"".join(_with_marks(data, spans))


def _with_marks(data: bytes, spans: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    done = 0
    for start, end in spans:
        yield data[done:start]
        yield _with_mark(data[start:end])
        done = end
    yield data[done:]


def _with_mark(tag: bytes) -> bytes:
    extension = _EXTENSION.search(tag)
    if extension is not None:
        return tag[: extension.end()] + MARK + tag[extension.end() :]
    name = _NAME.match(tag)
    assert name is not None
    return tag[: name.end()] + b' extension="' + MARK + b'"' + tag[name.end() :]


def deposit(target: Target, documents: Sequence[bytes]) -> tuple[Deposit, ...]:
    """Import each document twice, so that the server has been to all its places, and count what it makes.

    Those that the server refuses are left out.  Raises LoadRefused if it takes none.
    """
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(partial(_made_of, target), documents))
        counts = list(pool.map(partial(_made_of, target), documents))
    taken = tuple(Deposit(data, made) for data, made in zip(documents, counts, strict=True) if made)
    if documents and not taken:
        raise LoadRefused(f"{target.url} took none of the documents at {PATH}.")
    return taken


def _made_of(target: Target, data: bytes) -> int:
    """Return how many resources one more copy of a document became, 0 where it was refused."""
    connection = http.client.HTTPConnection(target.host, target.port, timeout=ANSWER_S)
    headers = {"Content-Type": MEDIA_TYPE, "Accept": "application/fhir+json"}
    try:
        connection.request("POST", target.path + PATH, freshened(data), headers)
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise LoadRefused(f"{target.url} did not answer an import: {type(error).__name__}.") from error
    finally:
        connection.close()
    return created(text) if answer.status == 200 else 0


def created(answer: bytes) -> int:
    """Return the sum of `created` in the Parameters that answer an import."""
    return sum(
        part["valueUnsignedInt"]
        for one in json.loads(answer).get("parameter", ())
        if one["name"] == "resource"
        for part in one["part"]
        if part["name"] == "created"
    )
