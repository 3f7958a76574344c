"""One server for all public clients, and the table of what each of them could do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running import Running

OUTCOMES = pytest.StashKey[dict[tuple[str, str], str]]()


@pytest.fixture(scope="session")
def server(database_uri: str) -> Iterator[Running]:
    """A server with an empty database."""
    from pymongo import MongoClient

    name = f"test_clients_{os.getpid()}_{os.urandom(4).hex()}"
    with Running(environment={"FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": name}) as running:
        yield running
    with MongoClient[dict[str, object]](database_uri) as client:
        client.drop_database(name)


@pytest.fixture
def table(request: pytest.FixtureRequest) -> dict[tuple[str, str], str]:
    """Where a test writes what became of a step, by client and step."""
    return request.config.stash.setdefault(OUTCOMES, {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table: a line for each step, a column for each client."""
    outcomes = config.stash.get(OUTCOMES, {})
    if not outcomes:
        return
    clients = list(dict.fromkeys(client for client, _ in outcomes))
    steps = list(dict.fromkeys(step for _, step in outcomes))
    widths = [max(len(step) for step in steps), *(len(client) for client in clients)]
    rows = [["", *clients], *([step, *(outcomes.get((c, step), "") for c in clients)] for step in steps)]
    terminalreporter.section("clients")
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        terminalreporter.write_line("  ".join(cells).rstrip())
