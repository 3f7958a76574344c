"""Rows of searches over a server that holds a few resources: what is asked, and whose ids are found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import pytest
from _pytest.mark import ParameterSet
from flask.testing import FlaskClient

from tests.http.calls import bundle, entry, send, situation


def plant(client: FlaskClient, resources: Iterable[dict[str, Any]]) -> None:
    """Store resources under their ids, in one transaction."""
    entries = [entry("PUT", f"{one['resourceType']}/{one['id']}", one) for one in resources]
    answer = send(client, "POST", "", bundle("transaction", *entries))
    assert answer.status_code == 200, answer.get_data(as_text=True)


def rows(table: Iterable[tuple[str, str]]) -> list[ParameterSet]:
    """Return a table of queries and what they find as parameters of a test, each named by its query."""
    return [pytest.param(query, found, id=query) for query, found in table]


def address(query: str) -> str:
    """Return the address of a query that is written without percent-encoding."""
    return "/" + quote(query, safe="?=&:,$/*")


def found(client: FlaskClient, query: str) -> str:
    """Return the ids of all matches in alphabetical order, or the situation in which it was refused."""
    joint = "" if query.endswith("?") else "&"
    answer = send(client, "GET", address(f"{query}{joint}_count=500"))
    if answer.status_code != 200:
        return situation(answer)
    page = answer.get_json()
    assert [link["relation"] for link in page["link"]] == ["self"]
    matches = [one["resource"]["id"] for one in page.get("entry", ()) if one["search"]["mode"] == "match"]
    urls = [one["fullUrl"] for one in page.get("entry", ())]
    assert len(set(urls)) == len(urls)
    assert page["total"] == len(matches)
    return " ".join(sorted(matches))
