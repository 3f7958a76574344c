"""Pages while others write, as often as asked; not a test, and not collected as one.

    .venv/bin/python -m tests.measure.schedules --times 1000

ends with exit code 1 if a resource that nobody touched was on two pages or on none, and prints which.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from pathlib import Path

import click

from fhir_server.app import close_app, create_app
from fhir_server.store.embedded import Embedded
from tests.http.conftest import settings_of
from tests.search.schedules import KEPT, WRITERS, Schedule


@click.command(help="Page through a record while others write to it, many times over.")
@click.option("--times", default=50, show_default=True, type=click.IntRange(min=1))
@click.option("--first", default=0, show_default=True, help="The number of the first schedule.")
@click.option("--max-seconds", default=600.0, show_default=True, help="No schedule starts after so long.")
def main(times: int, first: int, max_seconds: float) -> None:
    """Run and print."""
    logging.disable(logging.CRITICAL)
    began, ran, faults = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="schedules-") as directory:
        embedded = Embedded.start(Path(directory) / "database")
        try:
            app = create_app(settings_of(embedded.uri, "schedules"))
            for number in range(first, first + times):
                if time.monotonic() - began > max_seconds:
                    break
                found = Schedule(app, number).run()
                ran, faults = ran + 1, faults + len(found)
                for fault in found:
                    click.echo(f"schedule {number}: {fault}")
            close_app(app)
        finally:
            embedded.stop()
    seconds = time.monotonic() - began
    click.echo(
        f"{ran} schedules, {WRITERS} writers each, {KEPT} untouched resources: {faults} faults, {seconds:.0f} s"
    )
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
