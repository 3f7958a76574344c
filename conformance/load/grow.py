"""`python -m conformance.load grow`: what searches cost as the population grows around one person."""

from __future__ import annotations

import http.client
import json
import re
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click

from conformance.load.growth import clones
from conformance.load.material import material
from conformance.load.mixes import MIXES, paths
from conformance.load.processes import ServerProcess, free_port
from conformance.load.seed import Planted, plant
from conformance.load.target import LoadRefused, Target
from conformance.load.timings import NS_PER_MS, percentile

READY_PATH = "/metadata"
DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
EXAMINED = re.compile(r"documents examined: (\d+); returned: (\d+)")
WARM_UP = 10
SLOW_S = 120.0

HELP = """Measure the searches of a mix at growing populations, one request at a time.

A server is started with a database of its own.  The persons of the material are posted, measured, and cloned
with new ids and shifted dates until there are as many times of them as --times says; the queries stay those
about the first ones.  Examined and returned documents are what the server says by _explain.
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """One query at one size: milliseconds, and documents examined and returned by one of its requests."""

    mix: str
    query: str
    times: int
    p50_ms: float
    p99_ms: float
    examined: int | None
    returned: int | None


@click.command(help=HELP)
@click.option(
    "--times", default="1,4,16", show_default=True, help="Sizes of the population, comma-separated."
)
@click.option("--bundles", default=8, show_default=True, type=click.IntRange(min=1), help="Persons at 1x.")
@click.option("--synthea", type=DIRECTORY, help="Transaction Bundles to post.  [default: generated ones]")
@click.option("--requests", default=100, show_default=True, type=click.IntRange(min=1), help="Of each query.")
@click.option("--mix", "names", multiple=True, type=click.Choice(sorted(MIXES)), help="[default: all]")
def grow(times: str, bundles: int, synthea: Path | None, requests: int, names: tuple[str, ...]) -> None:
    """Measure and print Markdown."""
    signal.signal(signal.SIGTERM, _end)
    try:
        sizes = sorted({int(text) for text in times.split(",")})
    except ValueError:
        raise click.BadParameter("numbers such as 1,4,16", param_hint="--times") from None
    try:
        costs = _measured(sizes, bundles, synthea, requests, names or tuple(MIXES))
    except LoadRefused as reason:
        raise click.ClickException(str(reason)) from None
    click.echo("\n".join(table(costs)))


def _measured(
    sizes: Sequence[int], bundles: int, synthea: Path | None, requests: int, names: Sequence[str]
) -> list[Cost]:
    originals = material(synthea, bundles).planted[:bundles]
    target = Target("server", "127.0.0.1", free_port(), "/fhir")
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="grow-") as directory:
        command = [
            sys.executable, "-m", "fhir_server", "serve", "--open", "--workers", "1",
            "--port", str(target.port), "--data-dir", str(Path(directory) / "data"),
        ]  # fmt: skip
        environment = {"FHIR_CROSS_PERSON_TYPES": "*"}
        with ServerProcess(command, Path(directory) / "log", environment) as process:
            process.wait_until_ready(target, READY_PATH)
            planted, reached = plant(target, originals), 1
            for size in sizes:
                if size > reached:
                    plant(target, list(clones(originals, reached, size - reached)))
                    reached = size
                click.echo(f"{size}x: {size * len(originals)} persons", err=True)
                costs += [
                    _cost(target, mix, query, template, size, planted, requests)
                    for mix in names
                    for query, template in MIXES[mix].items()
                ]
    return costs


def _cost(
    target: Target, mix: str, query: str, template: str, size: int, planted: Sequence[Planted], requests: int
) -> Cost:
    asked = list(paths(template, planted, requests + WARM_UP))
    connection = http.client.HTTPConnection(target.host, target.port, timeout=SLOW_S)
    took: list[int] = []
    try:
        for path in asked:
            started = time.perf_counter_ns()
            _get(connection, target, path)
            took.append(time.perf_counter_ns() - started)
        explained = _get(connection, target, f"{asked[-1]}&_explain=true", refused=True)
    finally:
        connection.close()
    ordered = sorted(took[WARM_UP:])
    p50, p99 = (percentile(ordered, share) / NS_PER_MS for share in (0.5, 0.99))
    return Cost(mix, query, size, round(p50, 2), round(p99, 2), *_walked(explained))


def _get(connection: http.client.HTTPConnection, target: Target, path: str, *, refused: bool = False) -> str:
    connection.request("GET", target.path + path, headers={"Accept": "application/fhir+json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200 and not refused:
        raise LoadRefused(f"{path} was answered with {answer.status}: {text[:300]}")
    return text


def _walked(text: str) -> tuple[int | None, int | None]:
    """Return what a search says that it examined and returned; None where it does not say."""
    tree = json.loads(text)
    resources = [entry["resource"] for entry in tree.get("entry", ())]
    outcomes = [one for one in resources if one["resourceType"] == "OperationOutcome"]
    said = [issue["details"]["text"] for outcome in outcomes for issue in outcome["issue"]]
    found = [(int(one[1]), int(one[2])) for line in said for one in EXAMINED.finditer(line)]
    if not found:
        return None, None
    return sum(examined for examined, _ in found), sum(returned for _, returned in found)


def _end(number: int, _frame: FrameType | None) -> None:
    """SIGTERM ends like any exception does, so that the server is stopped."""
    sys.exit(128 + number)


def table(costs: Sequence[Cost]) -> list[str]:
    """Return the rows of a Markdown table; growth is the p50 beside that of the smallest population."""
    lines = [
        "| mix | query | times | p50 ms | p99 ms | growth of p50 | examined | returned |",
        "|---|---|---|---|---|---|---|---|",
    ]
    first: dict[tuple[str, str], float] = {}
    for cost in sorted(costs, key=lambda cost: (cost.mix, cost.query, cost.times)):
        base = first.setdefault((cost.mix, cost.query), cost.p50_ms)
        examined, returned = ("" if count is None else count for count in (cost.examined, cost.returned))
        lines.append(
            f"| {cost.mix} | {cost.query} | {cost.times}x | {cost.p50_ms:.2f} | {cost.p99_ms:.2f} "
            f"| {cost.p50_ms / base:.2f} | {examined} | {returned} |"
        )
    return lines
