"""The conformance suites against this server, over real HTTP: all is met but what `conformance_gaps.toml` says."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from conformance.exchange import Target
from conformance.results import Run
from conformance.runner import Options, run_suites
from conformance.suite_files import load_suites
from tests.running import Running

GAPS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("conformance_gaps.toml").read_text(encoding="utf-8")
)
NOT_DECLARED = "not declared: "
ALL = tuple(suite.name for suite in load_suites())
CORE = {"read", "create", "update", "delete", "history", "batch", "transaction", "exact", "xml", "patch"}
SETTINGS = {
    "FHIR_CORS_ORIGINS": "*",
    "FHIR_TRUSTED_PROXIES": "127.0.0.1",
    "FHIR_CONDITIONAL_DELETE": "multiple",
    "FHIR_REFERENTIAL_INTEGRITY": "enforce",
}


def run_against_this_server(database_uri: str, names: Sequence[str], **settings: str) -> Run:
    """Run suites against a server that is started for it, on a database of its own."""
    database = f"test_conformance_{os.getpid()}_{len(settings)}"
    environment = {"FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": database, **settings}
    chosen = [suite for suite in load_suites() if suite.name in names]
    try:
        with Running(environment=environment) as server:
            return run_suites(Target(server.url), chosen, Options(jobs=4))
    finally:
        with MongoClient[dict[str, Any]](database_uri) as client:
            client.drop_database(database)


def assert_only_known_gaps(run: Run, known: dict[str, Any]) -> None:
    """Fail with the reasons of a case that fails and is not known, or with a known one that passes."""
    failed = {result.case.id: result.reasons for result in run.ended("failed")}
    undeclared = {result.reasons[0].removeprefix(NOT_DECLARED) for result in run.ended("skipped")}

    assert {id: reasons for id, reasons in failed.items() if id not in known["failing"]} == {}
    assert set(known["failing"]) - set(failed) == set(), "these pass now: strike them from the gaps"
    assert undeclared <= set(known["undeclared"])


def test_the_suites_are_met_but_for_the_known_gaps(database_uri: str) -> None:
    """One test for all suites, because one run costs as much as a hundred other tests."""
    run = run_against_this_server(database_uri, ALL)

    assert_only_known_gaps(run, GAPS["as-it-comes"])
    assert {result.suite for result in run.results if result.verdict != "skipped"} >= CORE
    assert run.count("passed") > 250


def test_what_settings_switch_on_is_met_but_for_the_known_gaps(database_uri: str) -> None:
    names = ("delete", "conditional", "headers", "transaction", "transaction_rules")
    run = run_against_this_server(database_uri, names, **SETTINGS)

    assert_only_known_gaps(run, GAPS["as-set"])
    assert {result.case.id for result in run.ended("passed")} >= {
        "forwarded-host", "delete-where-several-match-multiple",
    }  # fmt: skip
