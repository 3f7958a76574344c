"""What importing clinical documents costs: converting alone, its memory, and end to end; not a test.

    .venv/bin/python -m tests.measure.imports --corpus DIR

converts the French documents of DIR/french/cda over and over, watches the memory of that process, then starts a server
with two workers and an embedded database of its own and runs `fhir-server import` against it on fresh copies of
the same documents, each with an id of its own and its persons apart from those of the other copies.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from lxml import etree

from conformance.load.machine import machine
from conformance.load.processes import ServerProcess, free_port
from conformance.load.target import Target
from conformance.load.usage import Usage, command_name, descendants, usage
from importers.cda.convert import Options, convert
from importers.cda.reader import read
from importers.result import Unreadable

MIB = 1024 * 1024
OPTIONS = Options(zone=ZoneInfo("Europe/Paris"))
FOLDER = "french/cda"
TARGET_DOCUMENTS, TARGET_RESOURCES, TARGET_MIB = 25, 800, 300
_EXTENSION = re.compile(rb"""\bextension\s*=\s*(["'])[^"']*\1""")


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """What one run of `fhir-server import` came to."""

    files: int
    outcomes: dict[str, int]
    resources: int
    seconds: float
    spent: dict[str, Usage]
    """Command → what its processes spent meanwhile."""


def documents(corpus: Path) -> list[bytes]:
    """Return the documents that can be converted, by name."""
    found = []
    for path in sorted((corpus / FOLDER).rglob("*.xml")):
        data = path.read_bytes()
        try:
            convert(data, OPTIONS)
        except Unreadable:
            continue
        found.append(data)
    return found


def convert_rows(found: Sequence[bytes], rounds: int) -> Iterator[str]:
    """Yield the lines of the table of converting alone: the best round, by CPU of one core."""
    best, resources = float("inf"), 0
    for _ in range(rounds):
        start = time.process_time()
        resources = sum(len(convert(data, OPTIONS).bundle["entry"]) for data in found)
        best = min(best, time.process_time() - start)
    yield f"| converting alone, one core | {len(found) / best:.1f} | {resources / best:,.0f} |"


def memory_rows(found: Sequence[bytes], marks: Sequence[int]) -> Iterator[str]:
    """Yield the memory of this process after so many conversions."""
    done = 0
    for mark in marks:
        while done < mark:
            convert(found[done % len(found)], OPTIONS)
            done += 1
        resident = usage([os.getpid()]).rss_bytes / MIB
        yield f"| {done:,} | {resident:.0f} | {TARGET_MIB} |"


def renewed(data: bytes, number: int) -> bytes:
    """Return a document with another id, about another person than the copies of other numbers."""
    source = read(data)
    changes = []
    for node in source.root.iter("{urn:hl7-org:v3}id"):
        parent = node.getparent()
        assert parent is not None
        if parent is source.root or etree.QName(parent).localname == "patientRole":
            start, end = source.span_of(node)
            changes.append((start, end, _with_number(data[start:end], number)))
    for start, end, text in sorted(changes, reverse=True):
        data = data[:start] + text + data[end:]
    return data


def _with_number(tag: bytes, number: int) -> bytes:
    found = _EXTENSION.search(tag)
    if found is not None:
        end = found.end() - 1
        return tag[:end] + b"%d" % number + tag[end:]
    name = re.match(rb"<[^\s/>]+", tag)
    assert name is not None
    return tag[: name.end()] + b' extension="%d"' % number + tag[name.end() :]


def end_to_end(found: Sequence[bytes], copies: int, jobs: int, directory: Path) -> EndToEnd:
    """Import fresh copies into a server of our own; the first round of copies warms it and is not counted."""
    target = Target("server", "127.0.0.1", free_port(), "/fhir")
    server = [
        *_command("serve"), "--open", "--workers", "2", "--quiet", "--port", str(target.port),
        "--data-dir", str(directory / "data"),
    ]  # fmt: skip
    for copy in range(copies + 1):
        folder = directory / f"{'counted' if copy else 'warm'}"
        folder.mkdir(exist_ok=True)
        for number, data in enumerate(found if copy else found[:40]):
            (folder / f"{number:04d}-{copy}.xml").write_bytes(renewed(data, 1000 * copy + number))
    with ServerProcess(server, directory / "log", {}) as process:
        process.wait_until_ready(Target("server", target.host, target.port, ""), "/readyz")
        _import(target, directory / "warm", jobs)
        before = _by_command(process.pid)
        account = _import(target, directory / "counted", jobs)
        after = _by_command(process.pid)
    spent = {
        name: Usage(end.cpu_s - before[name].cpu_s, end.rss_bytes, end.largest_rss_bytes)
        for name, end in after.items()
        if name in before
    }
    return EndToEnd(
        account["files_in"],
        account["outcomes"],
        sum(account["resources"].values()),
        account["seconds"],
        spent,
    )


def _import(target: Target, folder: Path, jobs: int) -> dict[str, Any]:
    base = f"http://{target.host}:{target.port}{target.path}"
    command = [*_command("import"), "--base", base, "--jobs", str(jobs), "--json", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode not in (0, 1):
        raise SystemExit(f"The import ended with {ended.returncode}: {ended.stderr[-2000:]}")
    account: dict[str, Any] = json.loads(ended.stdout)
    return account


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "fhir_server", name]


def _by_command(root: int) -> dict[str, Usage]:
    pids: dict[str, list[int]] = {}
    for pid in descendants(root):
        name = "mongod" if command_name(pid) == "mongod" else "server"
        pids.setdefault(name, []).append(pid)
    return {name: usage(some) for name, some in pids.items()}


def end_rows(run: EndToEnd) -> Iterator[str]:
    """Yield the lines of the table of the whole."""
    stored = run.outcomes.get("stored", 0)
    yield f"| end to end, 2 workers | {stored / run.seconds:.1f} | {run.resources / run.seconds:,.0f} |"
    yield f"| target | {TARGET_DOCUMENTS} | {TARGET_RESOURCES} |"
    yield ""
    yield f"{run.files} files in {run.seconds:.1f} s: {run.outcomes}"
    for name, spent in sorted(run.spent.items()):
        yield (
            f"{name}: {spent.cpu_s:.1f} s of CPU, {1000 * spent.cpu_s / max(1, stored):.1f} ms a document, "
            f"largest process {spent.largest_rss_bytes / MIB:.0f} MiB"
        )


@click.command(help=__doc__)
@click.option("--corpus", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--rounds", default=3, show_default=True, help="Of converting alone; the best counts.")
@click.option(
    "--documents", "most", default=10_000, show_default=True, help="Conversions for the memory; 0: none."
)
@click.option("--copies", default=4, show_default=True, help="Of the corpus, end to end; 0: none.")
@click.option("--jobs", default=4, show_default=True, help="Documents under way at a time, end to end.")
def main(corpus: Path, rounds: int, most: int, copies: int, jobs: int) -> None:
    facts, found = machine(), documents(corpus)
    print(
        f"{facts.cores} cores ({facts.processor}), {facts.system}, "
        f"load average {facts.load_average_before:.1f} before the start\n"
    )
    size = sum(map(len, found)) / len(found) / 1024
    print(f"{len(found)} documents of {size:,.0f} KiB in the mean\n")
    print("| | documents/s | resources/s |\n|---|---|---|")
    for line in convert_rows(found, rounds):
        print(line, flush=True)
    if copies:
        with tempfile.TemporaryDirectory(prefix="imports-") as directory:
            for line in end_rows(end_to_end(found, copies, jobs, Path(directory))):
                print(line, flush=True)
    if most:
        print("\n| conversions in one process | MiB | target |\n|---|---|---|")
        for line in memory_rows(found, [most // 10, most // 2, most]):
            print(line, flush=True)


if __name__ == "__main__":
    main()
