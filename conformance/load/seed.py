"""Putting the material on a server before it is measured, and what is known of it afterwards."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from conformance.load.bundle import Bundle, Resource, replace_texts
from conformance.load.deposits import Deposit
from conformance.load.target import LoadRefused, Target

CONNECTIONS = 2
ANSWER_S = 120.0
LOCATION = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?$")

Place = tuple[str, str]
"""Resource type and logical id."""


@dataclass(frozen=True)
class Planted:
    """A Bundle that a server holds: `places[i]` is where its entry `i` went."""

    bundle: Bundle
    places: tuple[Place, ...]

    def stored(self, index: int) -> Resource:
        """Return the resource of an entry with its references as the server wrote them."""
        names = {
            entry["fullUrl"]: f"{resource_type}/{resource_id}"
            for entry, (resource_type, resource_id) in zip(self.bundle.entries, self.places, strict=True)
        }
        resource = replace_texts(self.bundle.entries[index]["resource"], names)
        return {key: value for key, value in resource.items() if key not in {"id", "meta"}}


@dataclass(frozen=True)
class Seed:
    """What a server was given.

    `planted`: Bundles of exactly 300 entries, posted before the measurement.  `whole`: Bundles of any
    size for the ingest, not posted yet.  `deposits`: clinical documents, of which it had other copies.
    """

    planted: tuple[Planted, ...]
    whole: tuple[Bundle, ...]
    deposits: tuple[Deposit, ...] = ()


def plant(target: Target, bundles: Sequence[Bundle]) -> tuple[Planted, ...]:
    """Post the Bundles to a server.  Raises LoadRefused with the server's words if one is not taken."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return tuple(pool.map(partial(_post, target), bundles))


def _post(target: Target, bundle: Bundle) -> Planted:
    connection = http.client.HTTPConnection(target.host, target.port, timeout=ANSWER_S)
    headers = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
    try:
        connection.request("POST", target.path or "/", bundle.body, headers)
        answer = connection.getresponse()
        data = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise LoadRefused(f"{target.url} did not answer a transaction: {type(error).__name__}.") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise LoadRefused(f"{target.url} answered a transaction with {answer.status}: {_words(data)}")
    entries = json.loads(data)["entry"]
    return Planted(bundle, tuple(_place(target, entry) for entry in entries))


def _place(target: Target, entry: Resource) -> Place:
    found = LOCATION.search(entry["response"].get("location", ""))
    if found is None:
        raise LoadRefused(f"{target.url} answered a transaction entry without a usable location.")
    return found.group(1), found.group(2)


def _words(data: bytes) -> str:
    try:
        issues = json.loads(data)["issue"]
        return "; ".join(issue.get("diagnostics") or issue["details"]["text"] for issue in issues[:3])
    except (ValueError, KeyError, TypeError):
        return f"{len(data)} bytes that are no OperationOutcome"
