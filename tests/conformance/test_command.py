"""The command from its options to its report, against stub servers, in fractions of a second."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conformance.load.cli import EXIT_ERRORS, EXIT_MISSED, EXIT_REFUSED, main
from conformance.load.target import Target
from tests.conformance.stub import Stub, running

SHORT = ("--bundles", "1", "--rounds", "1", "--seconds", "0.1", "--requests", "10", "--connections", "1",
         "--workers", "1", "--clients", "1")  # fmt: skip


@pytest.fixture
def log() -> list[tuple[str, str, str]]:
    return []


@pytest.fixture
def first(log: list[tuple[str, str, str]]) -> Iterator[Target]:
    with running(Stub("first", log)) as target:
        yield target


@pytest.fixture
def second(log: list[tuple[str, str, str]]) -> Iterator[Target]:
    with running(Stub("second", log)) as target:
        yield target


@pytest.fixture(autouse=True)
def signals_restored() -> Iterator[None]:
    import signal

    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def run(*options: str) -> Result:
    return CliRunner().invoke(main, [*SHORT, *options])


def test_two_bases_are_measured_and_written(first: Target, second: Target, tmp_path: Path) -> None:
    files = tmp_path / "load.json", tmp_path / "load.md"

    result = run(
        "--base", first.url, "--against", second.url, "--json", str(files[0]), "--markdown", str(files[1])
    )

    assert result.exit_code == 0, result.output
    tree = json.loads(files[0].read_text())
    cells = [(cell["workload"], [side["base"] for side in cell["sides"]]) for cell in tree["cells"]]
    pair = ["server", "second"]
    assert cells == [
        ("read", pair),
        ("page", pair),
        ("person-mix", pair),
        ("create", pair),
        ("transaction", pair),
        ("ingest", ["server"]),
    ]
    assert all(0 < side["requests"] <= 10 for cell in tree["cells"] for side in cell["sides"])
    assert [cell["ratio"] is not None for cell in tree["cells"]] == [True] * 5 + [False]
    assert [ceiling["connections"] for ceiling in tree["ceilings"]] == [1]
    assert tree["circumstances"]["resources"] == 300
    assert re.search(r"\| page of 20 \| 1 \| \d+% \|", files[1].read_text())
    assert str(first.port) not in files[0].read_text() + files[1].read_text()


def test_one_workload_can_be_chosen(first: Target, log: list[tuple[str, str, str]]) -> None:
    result = run("--base", first.url, "--workload", "ingest")

    assert result.exit_code == 0, result.output
    assert "ingest of whole records" in result.stdout
    assert {(method, path) for _, method, path in log} == {("POST", "")}


def test_wrong_answers_end_with_an_exit_code_of_their_own(
    log: list[tuple[str, str, str]], second: Target
) -> None:
    with running(Stub("first", log, page_errors=True)) as first:
        result = run("--base", first.url, "--against", second.url, "--workload", "page")

    assert result.exit_code == EXIT_ERRORS, result.output


@pytest.mark.parametrize(
    ("labour", "options", "expected"),
    [
        pytest.param((30_000, 1), ("--require-targets",), EXIT_MISSED, id="missed-and-required"),
        pytest.param((30_000, 1), (), 0, id="missed"),
        pytest.param((1, 30_000), ("--require-targets",), 0, id="met"),
    ],
)
def test_missed_target_fails_only_on_request(
    labour: tuple[int, int], options: tuple[str, ...], expected: int, log: list[tuple[str, str, str]]
) -> None:
    with (
        running(Stub("a", log, labour=labour[0])) as first,
        running(Stub("b", log, labour=labour[1])) as second,
    ):
        result = run("--base", first.url, "--against", second.url, "--workload", "read", *options)

    assert result.exit_code == expected, result.output


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        pytest.param(("--base", "http://192.0.2.1/fhir"), "loopback", id="other-machine"),
        pytest.param(
            ("--base", "http://127.0.0.1:1/fhir", "--workload", "rad"), "no workload 'rad'", id="unknown"
        ),
        pytest.param(("--base", "http://127.0.0.1:1/fhir"), "did not answer", id="nobody-there"),
        pytest.param(
            ("--base", "http://127.0.0.1:1/fhir", "--workload", "import"), "--cda", id="nothing-to-import"
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(options: tuple[str, ...], reason: str) -> None:
    result = run(*options)

    assert result.exit_code == EXIT_REFUSED
    assert reason in result.stderr
    assert result.stdout == ""


def test_second_base_must_be_loopback_too(first: Target) -> None:
    result = run("--base", first.url, "--against", "http://192.0.2.1/fhir")

    assert result.exit_code == EXIT_REFUSED
    assert "loopback" in result.stderr


def test_floor_needs_the_database(first: Target) -> None:
    result = run("--base", first.url)

    assert result.exit_code == EXIT_REFUSED
    assert "--mongodb-uri" in result.stderr


def test_data_directory_without_database_is_refused(first: Target, tmp_path: Path) -> None:
    result = run("--base", first.url, "--embedded-data-dir", str(tmp_path))

    assert result.exit_code == EXIT_REFUSED
    assert "No embedded MongoDB" in result.stderr


def test_bases_that_do_not_find_the_same_are_not_compared(
    first: Target, log: list[tuple[str, str, str]]
) -> None:
    class Forgetful(Stub):
        def _page(self, query: str, kind: str) -> dict[str, object]:
            return {"resourceType": "Bundle", "entry": super()._page(query, kind).get("entry", [])[:3]}

    with running(Forgetful("second", log)) as second:
        result = run("--base", first.url, "--against", second.url, "--workload", "page")

    assert result.exit_code == EXIT_REFUSED
    assert "3 resources, expected are 200 and 20" in result.stderr


def test_help_shows_an_example_and_the_exit_codes() -> None:
    result = CliRunner().invoke(main, ["--help"])

    assert result.exit_code == 0
    assert "python -m conformance.load --json load.json" in result.output
    assert "Exit codes:" in result.output
