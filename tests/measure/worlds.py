"""`python -m tests.measure.worlds --pairs 100000 [--resume FILE] [--json]`: the two worlds, for as long as it takes.

Each round plays scenarios of one part with a seed of its own and appends a line to the file; with `--resume` the
rounds that are in it are not played again.  The database is embedded and temporary.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import click
from hypothesis import HealthCheck, Phase, given, seed, settings

from fhir_server.store.embedded import Embedded
from tests.worlds.cast import PARTS
from tests.worlds.comparison import Difference, Tally, play
from tests.worlds.scenarios import Scenario, scenarios
from tests.worlds.world import Worlds, two_worlds

SCENARIOS = 25
"""Scenarios of one round."""

Row = dict[str, Any]


def play_round(worlds: Worlds, part: str, number: int) -> Row:
    """Return what a round compared, and the differences that it found."""
    tally, differences = Tally(), list[str]()

    @seed(number)
    @settings(
        max_examples=SCENARIOS, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(scenario=scenarios(PARTS[part]))
    def compared(scenario: Scenario) -> None:
        try:
            play(worlds, scenario, tally)
        except Difference as difference:
            differences.append(str(difference))

    started = time.monotonic()
    compared()
    return {
        "part": part, "seed": number, "pairs": tally.pairs, "asked_again": tally.asked_again,
        "told_apart": tally.told_apart, "seconds": round(time.monotonic() - started, 1),
        "doors": dict(tally.by_door), "differences": differences,
    }  # fmt: skip


def remaining(done: list[Row], pairs: int, first: int = 1) -> Iterator[tuple[str, int]]:
    """Yield parts and seeds from `first` on that were not played, while `done`, which grows, has too few pairs."""
    played = {(row["part"], row["seed"]) for row in done}
    for number in count(first):
        for part in PARTS:
            if sum(row["pairs"] for row in done) >= pairs:
                return
            if (part, number) not in played:
                yield part, number


def summary(rows: list[Row]) -> Row:
    """Return the sums of all rounds."""
    doors: Counter[str] = Counter()
    for row in rows:
        doors.update(row["doors"])
    sums = {
        name: sum(row[name] for row in rows) for name in ("pairs", "asked_again", "told_apart", "seconds")
    }
    return {
        **sums,
        "rounds": len(rows),
        "differences": sum(len(row["differences"]) for row in rows),
        "doors": doors,
    }


@click.command(help=__doc__)
@click.option("--pairs", default=100_000, show_default=True, help="Answers to compare.")
@click.option("--resume", type=click.Path(dir_okay=False, path_type=Path), help="The file of the rounds.")
@click.option("--first", default=1, show_default=True, help="The first seed: two processes share the work.")
@click.option("--json", "as_json", is_flag=True, help="Print the sums as JSON.")
def main(pairs: int, resume: Path | None, first: int, as_json: bool) -> None:
    """Play rounds until there are enough pairs; end with 1 where the worlds were told apart."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="fhir-worlds-") as directory:
        log = resume or Path(directory) / "rounds.jsonl"
        done = [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
        embedded = Embedded.start(Path(directory) / "data", cache_mb=512)
        try:
            with log.open("a") as file:
                for part, number in remaining(done, pairs, first):
                    with two_worlds(embedded.uri, Path(directory), "worlds") as worlds:
                        done.append(play_round(worlds, part, number))
                    file.write(json.dumps(done[-1]) + "\n")
                    file.flush()
                    click.echo(f"{sum(row['pairs'] for row in done):>8} {part} {number}", err=True)
        finally:
            embedded.stop()
    sums = summary(done)
    click.echo(json.dumps(sums) if as_json else "\n".join(f"{name}: {value}" for name, value in sums.items()))
    for row in done:
        for text in row["differences"]:
            click.echo(text, err=True)
    raise SystemExit(1 if sums["differences"] else 0)


if __name__ == "__main__":
    main()
