"""One look at the answers before they are only counted: both bases must answer with the same."""

from __future__ import annotations

import http.client
import json
from typing import Any

from conformance.load.exchange import Exchange
from conformance.load.target import LoadRefused, Target

ANSWER_S = 30.0


def probe(target: Target, exchange: Exchange) -> None:
    """Send a read or search once and count what it brings; a write is not sent.

    Raises LoadRefused when the answer has another status or another number of resources.
    """
    if exchange.method != "GET":
        return
    connection = http.client.HTTPConnection(target.host, target.port, timeout=ANSWER_S)
    headers = {"Accept": "application/fhir+json"}
    if target.token:
        headers["Authorization"] = f"Bearer {target.token}"
    try:
        connection.request("GET", target.path + exchange.path, headers=headers)
        answer = connection.getresponse()
        found = resources_in(json.loads(answer.read())) if answer.status == exchange.status else 0
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LoadRefused(f"{target.name} did not answer {exchange.path}: {type(error).__name__}.") from error
    finally:
        connection.close()
    if answer.status != exchange.status or found != exchange.resources:
        raise LoadRefused(
            f"{target.name} answered {exchange.path} with status {answer.status} and {found} resources, "
            f"expected are {exchange.status} and {exchange.resources}: there is nothing to compare."
        )


def resources_in(tree: dict[str, Any]) -> int:
    """Return how many resources an answer brings: the entries of a searchset but outcomes, or one."""
    if tree.get("resourceType") != "Bundle":
        return 1
    entries = tree.get("entry", ())
    return sum(1 for entry in entries if entry.get("search", {}).get("mode") != "outcome")
