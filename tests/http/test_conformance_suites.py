"""The conformance suites against this server, over real HTTP: all is met but what `conformance_gaps.toml` says."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.exchange import Target
from conformance.results import Run
from conformance.runner import Options, run_suites
from conformance.suite_files import load_suites
from tests.running import Running

GAPS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("conformance_gaps.toml").read_text(encoding="utf-8")
)
NOT_DECLARED = "not declared: "


@pytest.fixture(scope="module")
def run(database_uri: str) -> Iterator[Run]:
    """All suites against one server of this module alone."""
    from pymongo import MongoClient

    name = f"test_conformance_{os.getpid()}"
    environment = {"FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": name}
    try:
        with Running(environment=environment) as server:
            yield run_suites(Target(server.url), load_suites(), Options(jobs=4))
    finally:
        with MongoClient[dict[str, Any]](database_uri) as client:
            client.drop_database(name)


def test_every_case_is_met_but_the_known_gaps(run: Run) -> None:
    failed = {result.case.id: result.reasons for result in run.ended("failed")}
    known = GAPS["failing"]

    assert {id: reasons for id, reasons in failed.items() if id not in known} == {}
    assert {id for id in known if id not in failed} == set(), "these pass now: strike them from the gaps"


def test_no_feature_is_undeclared_but_the_known_ones(run: Run) -> None:
    undeclared = {result.reasons[0].removeprefix(NOT_DECLARED) for result in run.ended("skipped")}

    assert undeclared <= set(GAPS["undeclared"])


def test_the_core_is_asked(run: Run) -> None:
    """A server that declares little would pass little."""
    asked = {result.suite for result in run.results if result.verdict != "skipped"}

    assert run.count("passed") > 200
    assert {"read", "create", "update", "delete", "history", "batch", "transaction", "exact"} <= asked
