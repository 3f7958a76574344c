"""From rounds to figures, ratios and tables, on rounds whose figures are known."""

from __future__ import annotations

import json
from array import array

import pytest

from conformance.load.ceiling import Ceiling
from conformance.load.floor.database import Storage
from conformance.load.machine import Machine
from conformance.load.markdown import as_markdown
from conformance.load.report import Circumstances, Report
from conformance.load.results import Cell, cell, ratio_of, side
from conformance.load.rounds import Round
from conformance.load.timings import NS_PER_MS
from conformance.load.workload import Workload, workload_table


def played(base: str, index: int, requests: int, *, elapsed_s: float = 2.0, errors: int = 0) -> Round:
    return Round(
        base=base,
        index=index,
        requests=requests,
        resources=requests * 20,
        received_bytes=requests * 500,
        errors={"status 500 instead of 200": errors} if errors else {},
        elapsed_s=elapsed_s,
        client_cpu_s=0.4,
        client_processes=2,
        server_cpu_s=requests * 0.002,
        mongod_cpu_s=requests * 0.001,
        server_rss_bytes=100 + index,
        largest_server_rss_bytes=50 + index,
        latencies_ns=array("Q", [NS_PER_MS * (number + 1) for number in range(requests)]),
    )


def workload(*, paired: bool = True, target: float = 0.7) -> Workload:
    return Workload(
        "page", "page of 20", 1, lambda _: [], (1,), paired, ratio_target=target, rate_target=target
    )


def report(*cells: Cell) -> Report:
    facts = Circumstances(
        date="2026-01-02",
        machine=Machine("A|B", 2, 8 << 30, "Linux 6", "3.11.7", 0.1),
        steal_share=0.05,
        mongodb="6.0.5",
        workers=2,
        threads=8,
        client_processes=2,
        rounds=3,
        seconds=2.0,
        material="generated",
        resources=3_600,
    )
    sizes = [
        Storage("Patient", 4, 40, 40, 40, {}),
        Storage("Observation", 1_000, 2_000_000, 300_000, 450_000, {}),
    ]
    return Report(
        facts, cells, [Ceiling(1, 9_000.0, 0.03, "floor, read", 3_000.0, 3.0, True)], sizes, cut=False
    )


def test_ratio_is_taken_pair_by_pair() -> None:
    # The machine was twice as slow in the second pair: no pair shows that, a ratio of sums would.
    rounds = [
        played("a", 0, 80),
        played("b", 0, 100),
        played("a", 1, 35),
        played("b", 1, 50),
        played("a", 2, 90),
    ]

    ratio = ratio_of(rounds, "a", "b")

    assert ratio is not None
    assert (ratio.median, ratio.lowest, ratio.highest, ratio.pairs) == (0.75, 0.7, 0.8, 2)


def test_ratio_needs_a_pair_with_answers() -> None:
    assert ratio_of([played("a", 0, 0), played("b", 0, 10)], "a", "b") is None


@pytest.mark.parametrize(
    ("requests", "met"), [pytest.param(70, True, id="just"), pytest.param(69, False, id="below")]
)
def test_target_is_held_against_the_median_ratio(requests: int, met: bool) -> None:
    found = cell(workload(), 8, [played("a", 0, requests), played("b", 0, 100)])

    assert (found.met, found.target) == (met, 0.7)


@pytest.mark.parametrize(("target", "met"), [pytest.param(500.0, True), pytest.param(500.1, False)])
def test_unpaired_target_is_held_against_resources_per_second(target: float, met: bool) -> None:
    found = cell(workload(paired=False, target=target), 4, [played("a", 0, 50)])

    assert found.ratio is None
    assert found.met is met


def test_figures_of_a_side() -> None:
    found = side([played("a", 0, 100), played("a", 1, 50, errors=3), played("a", 2, 60)])

    assert (found.requests, found.requests_per_s, found.resources_per_s) == (210, 30.0, 600.0)
    assert found.errors == {"status 500 instead of 200": 3}
    assert (found.server_cpu_ms_per_request, found.mongod_cpu_ms_per_request) == (2.0, 1.0)
    assert found.client_cpu_share == 0.1
    assert (found.server_rss_bytes, found.largest_server_rss_bytes) == (102, 52)
    assert found.latency is not None
    assert found.latency.max_ms == 100.0


def test_json_has_every_figure_and_counts_errors_and_misses() -> None:
    rounds = [played("a", 0, 10, errors=2), played("b", 0, 100, errors=1)]

    found = report(cell(workload(), 8, rounds))
    tree = json.loads(found.as_json())

    assert found.misses == [found.cells[0]]
    assert (tree["schema"], tree["errors"], tree["cut"]) == (1, 3, False)
    assert set(tree) == {"schema", "errors", "circumstances", "cells", "ceilings", "storage", "cut"}
    (shown,) = tree["cells"]
    assert (shown["workload"], shown["connections"], shown["met"]) == ("page", 8, False)
    assert shown["ratio"] == {"median": 0.1, "lowest": 0.1, "highest": 0.1, "pairs": 1}
    assert shown["sides"][0]["latency"] == {"p50_ms": 5.0, "p95_ms": 10.0, "p99_ms": 10.0, "max_ms": 10.0}


def test_markdown_tables_are_whole_and_say_what_was_missed() -> None:
    rounds = [played("a", 0, 10), played("b", 0, 100)]

    text = as_markdown(
        report(cell(workload(), 8, rounds), cell(workload(paired=False, target=1.0), 2, rounds[:1]))
    )

    assert "| page of 20 | 8 | 10% | 10% | 10% | 1 | 70% | **missed** |" in text
    assert "| page of 20 | 2 | 100 resources/s |  |  |  | 1 | met |" in text
    assert "| Observation | 1,000 | 2,000 | 300 | 450 |" in text
    assert "| Patient |" not in text  # four documents say nothing of bytes per resource
    assert "(A|B)" in text
    widths: dict[int, set[int]] = {}
    for number, block in enumerate(text.split("\n\n")):
        if block.startswith("| "):
            widths[number] = {line.count(" | ") for line in block.splitlines()}
    assert len(widths) == 4
    assert all(len(found) == 1 for found in widths.values())


def test_report_without_figures_is_still_a_report() -> None:
    assert as_markdown(report()).count("(none)") == 2


def test_workloads_are_found_by_being_there() -> None:
    table = workload_table()

    assert list(table) == ["read", "page", "person-mix", "create", "transaction", "ingest", "import"]
    assert [found.ratio_target for found in table.values()] == [0.6, 0.7, 0.7, 0.5, 0.5, None, None]
    assert all(found.connections for found in table.values())
