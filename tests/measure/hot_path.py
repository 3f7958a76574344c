"""What a read and a page of a search cost the process of the server; not a test, and not collected as one.

    .venv/bin/python -m tests.measure.hot_path [--calls N]

prints a Markdown table: for each request, open and governed, the calls of Python and C functions and the
microseconds of processor time that the WSGI application spends on it, on an embedded MongoDB.  Function calls
do not depend on what else the machine does; processor time is the least of 20 stretches.  Only the thread
that answers is counted: the log of accesses is written by another one, for which a governed answer waits.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import click

from fhir_server.app import close_app
from fhir_server.store.embedded import Embedded
from tests.governed import DOCTOR, Governed
from tests.http.governed.conftest import governed_server

NS_PER_US = 1_000
STRETCHES = 20
OBSERVATIONS = 60
LOINC = "http://loinc.org"
READ = "/fhir/Observation/o-30"
PAGE = f"patient=p1&code={LOINC}|8867-4&_sort=-date&_count=20"
BARE = "patient=p1&code=8867-4&_sort=-date&_count=20"


@dataclass(frozen=True, slots=True)
class Case:
    """A request by GET."""

    name: str
    path: str
    query: str = ""


CASES = (
    Case("GET of a resource", READ),
    Case("page of 20, code with its system", "/fhir/Observation", PAGE),
    Case("page of 20, bare code", "/fhir/Observation", BARE),
)


class Caller:
    """Sends requests to a WSGI application as a server would, in this thread."""

    def __init__(self, application: Any, token: str | None) -> None:
        self._application = application
        self._token = token

    def __call__(self, case: Case) -> int:
        """Return the status; the body is read to its end."""
        statuses: list[str] = []
        environ = self._environ(case)
        body = self._application(environ, lambda status, headers, info=None: statuses.append(status))
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()
        return int(statuses[0][:3])

    def _environ(self, case: Case) -> dict[str, Any]:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": case.path, "QUERY_STRING": case.query,
            "SERVER_NAME": "localhost", "SERVER_PORT": "8080", "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost:8080", "HTTP_ACCEPT": "application/fhir+json", "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": BytesIO(),
            "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }  # fmt: skip
        if self._token is not None:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {self._token}"
        return environ


@contextmanager
def servers(directory: Path) -> Iterator[Iterable[tuple[str, Caller]]]:
    """Yield callers of an open and a governed server, each with a record of its own."""
    running = Embedded.start(directory / "db")
    opened = governed_server(running.uri, "open", directory, policy=None, open=True)
    ruled = governed_server(running.uri, "ruled", directory)
    try:
        for one in (opened, ruled):
            _fill(one)
        ruled.authorise("p1", DOCTOR)
        yield ("open", Caller(opened.app, None)), ("governed", Caller(ruled.app, ruled.doctor().token))
    finally:
        for one in (opened, ruled):
            close_app(one.app)
        running.stop()


def _fill(server: Governed) -> None:
    server.enrol("p1")
    for number in range(OBSERVATIONS):
        day = f"2020-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
        code = {"coding": [{"system": LOINC, "code": "8867-4", "display": "Heart rate"}], "text": "Pulse"}
        server.plant({
            "resourceType": "Observation", "id": f"o-{number}", "status": "final", "code": code,
            "subject": {"reference": "Patient/p1"}, "effectiveDateTime": f"{day}T08:00:00+01:00",
            "valueQuantity": {"value": 60 + number % 40, "unit": "/min", "code": "/min"},
        })  # fmt: skip
    server.store.systems.note(())


def function_calls(act: Callable[[], object]) -> int:
    """Return how many functions, of Python and of C, are called by this thread while `act` runs."""
    count = 0

    def on(frame: object, event: str, argument: object) -> None:
        nonlocal count
        del frame, argument
        count += event in ("call", "c_call")

    sys.setprofile(on)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def microseconds(act: Callable[[], object], calls: int) -> float:
    """Return the processor time of one run of `act` in this thread, in the best of several stretches."""
    each = max(1, calls // STRETCHES)
    spent = []
    for _ in range(STRETCHES):
        began = time.thread_time_ns()
        for _ in range(each):
            act()
        spent.append((time.thread_time_ns() - began) / each / NS_PER_US)
    return min(spent)


@click.command()
@click.option("--calls", default=2_000, show_default=True, help="Requests of each kind that are timed.")
def main(calls: int) -> None:
    """Print the table."""
    rows = ["| request | access | function calls | processor time, µs |", "| --- | --- | --- | --- |"]
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),  # where the line of each request goes
        tempfile.TemporaryDirectory(prefix="fhir-hot-") as name,
        servers(Path(name)) as callers,
    ):
        rows += [_row(case, access, caller, calls) for case in CASES for access, caller in callers]
    click.echo("\n".join(rows))


def _row(case: Case, access: str, caller: Caller, calls: int) -> str:
    statuses = {caller(case) for _ in range(50)}
    if statuses != {200}:
        raise click.ClickException(f"{case.name}, {access}: {statuses}")
    counted = statistics.median(function_calls(lambda: caller(case)) for _ in range(21))
    return f"| {case.name} | {access} | {counted:.0f} | {microseconds(lambda: caller(case), calls):.0f} |"


if __name__ == "__main__":
    main()
