"""The truth table of access, row by row over HTTP: answers, what they equal, the access log, the notices."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.app import close_app
from fhir_server.store.entries import audit_entry
from tests.access.cases import NOW
from tests.conftest import FixedClock
from tests.governed import Governed
from tests.http.calls import situation
from tests.http.governed.conftest import governed_server
from tests.http.governed.tabled import SEARCH, Case, document, ids, outbox, planted, wire
from tests.truth_table import EMERGENCIES, MODES, ROWS, Row

EVERY = (*ROWS, *EMERGENCIES)
ABSENT = "none-at-all"
BY_ID = (
    "/DocumentReference/{id}", "/DocumentReference/{id}/_history/1", "/DocumentReference/{id}/_history",
    "/DocumentReference/{id}/$meta",
)  # fmt: skip
BY_PERSON = (
    SEARCH,
    SEARCH + "&_summary=count",
    SEARCH + "&_total=accurate&_count=1",
    SEARCH + "&status=current",
)


@pytest.fixture(scope="module")
def server(database_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Governed]:
    """A server whose clock stands at the instant that the choices of the table are made for."""
    database = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    made = governed_server(database_uri, database, tmp_path_factory.mktemp("table"), FixedClock(NOW))
    yield made
    close_app(made.app)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


def each(row: Row) -> Any:
    return pytest.param(row, id=row.id)


@pytest.mark.parametrize("row", [each(row) for row in EVERY])
class TestRow:
    """Every row, each over a person of its own and a twin who chose the same and has no document."""

    @pytest.fixture
    def case(self, server: Governed, row: Row) -> Case:
        return planted(server, row)

    def test_is_answered_as_the_table_says(self, case: Case, row: Row) -> None:
        read = case.actor.get(f"/DocumentReference/{case.item}")
        page = case.actor.get(SEARCH.format(id=case.owner))
        assert read.status_code == (200 if row.outcome == "seen" else 404)
        assert page.status_code == (403 if row.outcome == "refused" else 200)
        if row.outcome == "refused":
            assert situation(page) == "refused"
        else:
            assert ids(page) == ([case.item] if row.outcome == "seen" else [])
        if row.outcome == "seen":
            sent = document(case.server, case.owner, case.item, row.kind, row.labels)
            [found] = (one["resource"] for one in page.get_json()["entry"])
            assert read.get_json() == found
            assert {name: value for name, value in found.items() if name != "meta"} == sent

    def test_is_in_the_access_log_with_the_rule_that_decided(self, case: Case, row: Row) -> None:
        case.actor.get(f"/DocumentReference/{case.item}")
        case.actor.get(SEARCH.format(id=case.owner))
        lines = {one["interaction"]: audit_entry(one) for one in case.server.journal(case.owner)}
        assert lines.keys() == {"read", "search-type"}
        shown = (f"DocumentReference/{case.item}/_history/1",) if row.outcome == "seen" else ()
        refused = "refused" if row.outcome == "refused" else None
        unseen = None if row.outcome == "seen" else "not-found"
        for name, why in (("read", unseen), ("search-type", refused)):
            line = lines[name]
            assert (line.rule, line.situation, line.entities) == (row.rule, why, shown)
            assert (line.actor.kind, line.purpose) == (row.actor.kind, row.purpose)
            assert line.agent is not None
            assert (line.agent.profession, line.agent.structure) == (
                row.actor.profession,
                row.actor.structure,
            )
            if row.outcome != "refused":
                assert line.mode == MODES[row.purpose]

    def test_is_told_to_whom_the_table_says_once(self, case: Case, row: Row) -> None:
        for _ in range(2):
            case.actor.get(f"/DocumentReference/{case.item}")
            case.actor.get(SEARCH.format(id=case.owner))
        kind = "attempt" if row.outcome == "refused" else "access" if row.purpose == "TREAT" else "emergency"
        expected = [(kind, list(row.told))] if row.told else []
        assert [(one["kind"], one["recipients"]) for one in outbox(case.server, case.owner)] == expected


@pytest.mark.parametrize("row", [each(row) for row in EVERY if row.outcome != "seen"])
def test_what_is_not_seen_is_as_if_it_did_not_exist(server: Governed, row: Row) -> None:
    case = planted(server, row)
    for door in BY_ID:
        hidden, absent = (case.actor.get(door.format(id=id)) for id in (case.item, ABSENT))
        assert wire(hidden, case.item) == wire(absent, ABSENT), door
    without = ABSENT if row.outcome == "refused" else case.twin
    other = case.actor if row.actor.kind != "person" else case.actor_of_twin
    for door in BY_PERSON:
        found, nothing = case.actor.get(door.format(id=case.owner)), other.get(door.format(id=without))
        assert wire(found, case.owner) == wire(nothing, without), door


def test_there_are_32_emergencies() -> None:
    assert len({row.id for row in EMERGENCIES}) == 32


def test_every_row_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "access-table.md").read_text("utf-8")
    documented = [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    assert documented == list(range(1, 63))
    assert {row.number for row in ROWS} <= set(documented)
