"""The command: what it prints and writes, and how it ends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from lxml import etree

from conformance.cli import main
from tests.conformance.runner_server import SmallServer
from tests.conformance.runner_serving import Ask, Reply, served


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = SmallServer()
    with served(server.answer) as url:
        server.base = url
        yield url


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env={"COLUMNS": "100"})


def test_all_shall_pass_ends_with_0(base: str) -> None:
    result = call(base, "--suite", "read", "--suite", "create")
    assert result.exit_code == 0
    assert "every SHALL that was asked is met" in result.output
    assert "Small 1" in result.output


def test_a_shall_that_fails_ends_with_1_and_names_the_place(base: str) -> None:
    result = call(base, "--case", "malformed-date")
    assert result.exit_code == 1
    assert "SHALL errors/malformed-date" in result.output
    assert "step 1, POST /Patient: status is 201, expected 400 or 422" in result.output
    assert "https://hl7.org/fhir/R4/datatypes.html#date" in result.output


def test_a_should_that_fails_is_told_and_ends_with_0(base: str) -> None:
    result = call(base, "--suite", "summary", "--tag", "SHOULD")
    assert result.exit_code == 0
    assert "SHOULD summary/summary-true" in result.output


def test_what_is_not_declared_is_skipped_aloud(base: str) -> None:
    result = call(base, "--suite", "xml")
    assert result.exit_code == 0
    assert re.search(r"^\d+ skipped, not declared: format:xml$", result.output, re.MULTILINE)


def test_json_and_junit_say_the_same(base: str, tmp_path: Path) -> None:
    as_json, as_junit = tmp_path / "run.json", tmp_path / "run.xml"
    call(
        base,
        "--suite",
        "read",
        "--suite",
        "errors",
        "--suite",
        "xml",
        "--json",
        str(as_json),
        "--junit",
        str(as_junit),
    )

    run = json.loads(as_json.read_text("utf-8"))
    root = etree.parse(as_junit).getroot()
    by_verdict = {verdict: {case["id"] for case in run["cases"] if case["verdict"] == verdict}
                  for verdict in ("passed", "failed", "skipped")}  # fmt: skip
    breaking = {
        case["id"] for case in run["cases"] if case["verdict"] == "failed" and case["level"] == "SHALL"
    }
    assert run["base"] == base
    assert run["conformant"] is False
    assert run["totals"]["SHALL"]["failed"] == len(breaking) > 0
    assert all(case["reasons"] for case in run["cases"] if case["verdict"] != "passed")
    assert {name_of(node) for node in root.iter("failure")} == breaking
    assert {name_of(node) for node in root.iter("skipped")} == (
        by_verdict["failed"] | by_verdict["skipped"]
    ) - breaking
    assert {suite.get("name"): int(suite.get("tests") or 0) for suite in root.iter("testsuite")} == {
        name: sum(case["suite"] == name for case in run["cases"]) for name in ("read", "errors", "xml")
    }


def name_of(node: etree._Element) -> str:
    parent = node.getparent()
    assert parent is not None
    return str(parent.get("name"))


@pytest.mark.parametrize(("arguments", "message"), [
    pytest.param(["ftp://example.org"], "BASE is a URL", id="no-http"),
    pytest.param(["fhir"], "BASE is a URL", id="no-url"),
    pytest.param(["http://127.0.0.1:1/fhir", "--suite", "reed"], "no suite 'reed'", id="unknown-suite"),
    pytest.param(["http://127.0.0.1:1/fhir", "--case", "reed"], "no case 'reed'", id="unknown-case"),
    pytest.param(["http://127.0.0.1:1/fhir", "--tag", "MUST"], "MUST", id="unknown-level"),
    pytest.param(["http://127.0.0.1:1/fhir"], "cannot be asked", id="unreachable"),
    pytest.param([], "BASE", id="no-base"),
])  # fmt: skip
def test_what_cannot_be_run_ends_with_2(arguments: list[str], message: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize("reply", [
    pytest.param(Reply(404), id="nothing-there"),
    pytest.param(Reply(200, {"resourceType": "Bundle"}), id="another-resource"),
    pytest.param(Reply(200, content=b"<html/>"), id="html"),
])  # fmt: skip
def test_a_server_without_a_capability_statement_ends_with_2(reply: Reply) -> None:
    with served(lambda ask: reply) as base:
        result = call(base)
    assert result.exit_code == 2
    assert "no CapabilityStatement" in result.output


def test_the_token_is_sent_and_never_shown() -> None:
    server = SmallServer()

    def guarded(ask: Ask) -> Reply:
        return server.answer(ask) if ask.header("Authorization") == "Bearer s3cret" else Reply(401)

    with served(guarded) as base:
        server.base = base
        assert call(base, "--suite", "read").exit_code == 2
        result = call(base, "--suite", "read", "--suite", "summary", "--token", "s3cret")
    assert result.exit_code == 0
    assert "s3cret" not in result.output


def test_a_run_ends_in_time(base: str) -> None:
    result = call(base, "--suite", "read", "--max-seconds", "0")
    assert result.exit_code == 1
    assert "the time of the whole run was over" in result.output


def test_help_has_an_example_and_the_exit_codes() -> None:
    result = call("--help")
    assert result.exit_code == 0
    assert "fhir-server-conformance http://" in result.output
    assert "Exit codes" in result.output
