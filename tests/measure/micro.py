"""What the pieces of a request cost inside one process; not a test, and not collected as one.

    .venv/bin/python -m tests.measure.micro --corpus DIR

prints Markdown tables: microseconds per resource over the Synthea Bundles of DIR/synthea (generated Bundles
without --corpus), the time from the command to the ready server without its mongod, and the memory of a worker.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from conformance.load.bundle import Bundle, read_bundles
from conformance.load.generate import generate
from conformance.load.machine import machine
from conformance.load.processes import ServerProcess, free_port
from conformance.load.seed import plant
from conformance.load.target import Target
from conformance.load.timings import percentile
from conformance.load.usage import descendants, usage
from fhir_server.model import exact_json
from fhir_server.search.index import Indexer
from fhir_server.search.owner import Owners
from fhir_server.store.embedded import Embedded
from fhir_server.validation.structure import StructureValidator
from profiles.load import load_registry
from profiles.registry import Registry

BASE_URL = "http://127.0.0.1:8080/fhir"
REPEATS = 3
NS_PER_US = 1_000
MIB = 1024 * 1024
START_RUNS = 3
TYPES = ("Observation", "Patient", "Encounter", "Condition", "Claim", "ExplanationOfBenefit")


@dataclass(frozen=True, slots=True)
class Sample:
    """A resource as the steps of a write find it."""

    text: bytes
    tree: dict[str, Any]
    owner: str | None


@dataclass(frozen=True, slots=True)
class Piece:
    """One step of a request; `target_us` is what the p50 of an Observation must stay below."""

    name: str
    run: Callable[[Sample], object]
    target_us: float | None = None


def pieces(registry: Registry) -> list[Piece]:
    """Return the steps in the order of a write."""
    validator = StructureValidator(registry)
    owners = Owners(registry, BASE_URL)
    indexer = Indexer(registry, base_url=BASE_URL)
    return [
        Piece("decode the JSON text", lambda sample: exact_json.decode(sample.text)),
        Piece("validate the structure", lambda sample: validator.validate(sample.tree), target_us=100.0),
        Piece("find the owner", lambda sample: owners.owner_of(sample.tree)),
        Piece(
            "extract the index entries",
            lambda sample: indexer.entries(sample.tree, owner=sample.owner),
            target_us=100.0,
        ),
        Piece("encode the JSON text", lambda sample: exact_json.encode(sample.tree)),
    ]


def texts_of(bundles: Iterable[Bundle], types: Sequence[str]) -> dict[str, list[bytes]]:
    """Return the JSON texts of the resources by type, references made literal as the server would."""
    found: dict[str, list[bytes]] = {name: [] for name in types}
    for bundle in bundles:
        names = {
            entry["fullUrl"]: f"{entry['resource']['resourceType']}/{entry['fullUrl'][-36:]}"
            for entry in bundle.entries
        }
        for entry in bundle.entries:
            if entry["resource"]["resourceType"] in found:
                text = json.dumps(entry["resource"], ensure_ascii=False, separators=(",", ":"))
                for full_url, name in names.items():
                    text = text.replace(f'"{full_url}"', f'"{name}"')
                found[entry["resource"]["resourceType"]].append(text.encode())
    return {name: texts for name, texts in found.items() if texts}


def sample_of(text: bytes, owners: Owners) -> Sample:
    """Return a resource with its owner."""
    tree = exact_json.decode(text)
    return Sample(text, tree, owners.owner_of(tree))


def measure(piece: Piece, samples: Sequence[Sample]) -> list[int]:
    """Return the best of a few runs for each resource, in nanoseconds, sorted."""
    for sample in samples[:20]:
        piece.run(sample)
    found = []
    for sample in samples:
        best = sys.maxsize
        for _ in range(REPEATS):
            start = time.perf_counter_ns()
            piece.run(sample)
            best = min(best, time.perf_counter_ns() - start)
        found.append(best)
    return sorted(found)


def cost_table(bundles: Iterable[Bundle], limit: int) -> list[str]:
    """Return the table of microseconds, one row for each type and piece."""
    registry = load_registry()
    steps, owners = pieces(registry), Owners(registry, BASE_URL)
    lines = [
        "| type | resources | bytes p50 | step | p50 µs | p95 µs | target µs |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, texts in texts_of(bundles, TYPES).items():
        chosen = [sample_of(text, owners) for text in texts[:: max(1, len(texts) // limit)]]
        size = percentile(sorted(len(sample.text) for sample in chosen), 0.5)
        for step in steps:
            costs = measure(step, chosen)
            p50, p95 = (percentile(costs, share) / NS_PER_US for share in (0.5, 0.95))
            target = f"{step.target_us:.0f}" if step.target_us and name == "Observation" else ""
            lines.append(
                f"| {name} | {len(chosen)} | {size} | {step.name} | {p50:.1f} | {p95:.1f} | {target} |"
            )
    return lines


def start_table() -> list[str]:
    """Return the table of the start: seconds to the first answer with a mongod that runs already, and RSS."""
    with tempfile.TemporaryDirectory(prefix="micro-") as directory:
        embedded = Embedded.start(Path(directory) / "database")
        try:
            runs = [_start(Path(directory), embedded.uri) for _ in range(START_RUNS)]
        finally:
            embedded.stop()
    seconds, before, after = sorted(runs)[len(runs) // 2]
    return [
        "| start | measured | target |",
        "|---|---|---|",
        f"| seconds to ready, without mongod | {seconds:.2f} | 2 |",
        f"| MiB of the largest worker, after the start | {before / MIB:.0f} | 150 |",
        f"| MiB of the largest worker, after 8 transactions of 300 | {after / MIB:.0f} | 150 |",
    ]


def _start(directory: Path, uri: str) -> tuple[float, int, int]:
    target = Target("server", "127.0.0.1", free_port(), "/fhir")
    command = [
        sys.executable, "-m", "fhir_server", "serve", "--open", "--workers", "2",
        "--port", str(target.port), "--data-dir", str(directory / "data"),
    ]  # fmt: skip
    start = time.perf_counter()
    with ServerProcess(command, directory / "log", {"FHIR_MONGODB_URI": uri}) as process:
        process.wait_until_ready(Target("server", target.host, target.port, ""), "/readyz")
        seconds = time.perf_counter() - start
        before = usage(descendants(process.pid)).largest_rss_bytes
        plant(target, generate(8))
        return seconds, before, usage(descendants(process.pid)).largest_rss_bytes


@click.command(help="Print what the pieces of a request cost, as Markdown.")
@click.option("--corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--limit", default=500, show_default=True, help="Resources of each type.")
@click.option("--skip-start", is_flag=True, help="Measure no server start.")
def main(corpus: Path | None, limit: int, skip_start: bool) -> None:
    """Measure and print."""
    facts = machine()
    bundles = generate(4) if corpus is None else read_bundles(corpus / "synthea")
    click.echo(
        f"{facts.cores} cores ({facts.processor}), Python {facts.python}, "
        f"load before the start {facts.load_average_before:.2f}.\n"
    )
    gc.disable()
    click.echo("\n".join(cost_table(bundles, limit)))
    gc.enable()
    if not skip_start:
        click.echo("\n" + "\n".join(start_table()))


if __name__ == "__main__":
    main()
