"""Pages while others write: what nobody touches is met exactly once.

`python -m tests.measure.schedules --times 1000` runs as many as one likes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from pymongo import MongoClient

from fhir_server.app import close_app, create_app
from tests.http.conftest import settings_of
from tests.search.schedules import Schedule

SCHEDULES = 50


@pytest.fixture(scope="module")
def app(database_uri: str) -> Iterator[Flask]:
    database = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    made = create_app(settings_of(database_uri, database))
    yield made
    close_app(made)
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.drop_database(database)


@pytest.mark.parametrize(
    "first", [pytest.param(first, id=f"{first}-on") for first in range(0, SCHEDULES, 10)]
)
def test_what_nobody_touches_is_on_exactly_one_page(app: Flask, first: int) -> None:
    faults = {number: found for number in range(first, first + 10) if (found := Schedule(app, number).run())}
    assert faults == {}


def test_a_page_that_repeats_or_skips_is_seen(app: Flask) -> None:
    schedule = Schedule(app, SCHEDULES)
    schedule.query = "patient=x"
    schedule._judge([schedule.kept[0], *schedule.kept[:-1]], 1)
    assert [fault.split(": ")[1] for fault in schedule.faults] == ["twice", "never"]
