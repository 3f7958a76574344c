"""What a read and a page of a search cost the process of the server; not a test, and not collected as one.

    .venv/bin/python -m tests.measure.hot_path [--calls N]

prints a Markdown table: for each request, open, governed and by the floor over the same documents, the calls
of Python and C functions, the instructions of the interpreter, and the microseconds of processor time that the
WSGI application and the database spend on it.  Calls and instructions do not depend on what else the machine
does; processor time is the least of 20 stretches, taken in turn.  Of the application only the thread that
answers is counted: with open access, the log of accesses is written by another one.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any

import click
from pymongo import MongoClient

from conformance.load.floor.app import Floor
from conformance.load.floor.settings import FloorSettings
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
TOTAL = f"patient=p1&code={LOINC}|8867-4&_summary=count"
BARE = "patient=p1&code=8867-4&_sort=-date&_count=20"


@dataclass(frozen=True, slots=True)
class Case:
    """A request by GET."""

    name: str
    path: str
    query: str = ""
    by_floor: bool = True
    """Whether the floor knows how to ask it."""


CASES = (
    Case("GET of a resource", READ),
    Case("page of 20, code with its system", "/fhir/Observation", PAGE),
    Case("page of 20, bare code", "/fhir/Observation", BARE, by_floor=False),
    Case("total of a code", "/fhir/Observation", TOTAL),
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
def servers(directory: Path) -> Iterator[tuple[int, Iterable[tuple[str, Caller]]]]:
    """Yield the process of the database, and callers of the floor, of an open and of a governed server."""
    running = Embedded.start(directory / "db")
    opened = governed_server(running.uri, "open", directory, policy=None, open=True)
    ruled = governed_server(running.uri, "ruled", directory)
    try:
        for one in (opened, ruled):
            _fill(one)
        ruled.authorise("p1", DOCTOR)
        settings = FloorSettings(uri=running.uri, database="open", creates=[], transactions=[])
        floor = Floor(MongoClient(running.uri), settings)
        callers = (
            ("floor", Caller(floor, None)),
            ("open", Caller(opened.app, None)),
            ("governed", Caller(ruled.app, ruled.doctor().token)),
        )
        yield running.pid, callers
        floor.close()
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


def instructions(act: Callable[[], object]) -> int:
    """Return how many instructions of the interpreter this thread executes while `act` runs."""
    count = 0

    def within(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "opcode"
        return within

    def entered(frame: FrameType, event: str, argument: object) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return within

    sys.settrace(entered)
    try:
        act()
    finally:
        sys.settrace(None)
    return count


def microseconds(acts: Sequence[Callable[[], object]], pid: int, calls: int) -> list[tuple[float, float]]:
    """Return the processor time of one run of each act, of this thread and of a process, at the least."""
    each = max(1, calls // STRETCHES)
    spent: list[list[tuple[float, float]]] = [[] for _ in acts]
    for _ in range(STRETCHES):
        for act, own in zip(acts, spent, strict=True):
            began, there = time.thread_time_ns(), _process_ns(pid)
            for _ in range(each):
                act()
            ended, later = time.thread_time_ns(), _process_ns(pid)
            own.append(((ended - began) / each / NS_PER_US, (later - there) / each / NS_PER_US))
    return [(min(here for here, _ in own), min(there for _, there in own)) for own in spent]


def _process_ns(pid: int) -> int:
    """Return the processor time that a process has used: the number of its clock is made of its id."""
    return time.clock_gettime_ns(~pid << 3 | 2)


@click.command()
@click.option("--calls", default=2_000, show_default=True, help="Requests of each kind that are timed.")
def main(calls: int) -> None:
    """Print the table."""
    rows = [
        "| request | access | calls | instructions | µs | µs of mongod |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),  # where the line of each request goes
        tempfile.TemporaryDirectory(prefix="fhir-hot-") as name,
        servers(Path(name)) as (pid, callers),
    ):
        for case in CASES:
            rows += _rows(case, [one for one in callers if case.by_floor or one[0] != "floor"], pid, calls)
    click.echo("\n".join(rows))


def _rows(case: Case, callers: Sequence[tuple[str, Caller]], pid: int, calls: int) -> Iterator[str]:
    acts = [partial(caller, case) for _, caller in callers]
    for (access, _), act in zip(callers, acts, strict=True):
        statuses = {act() for _ in range(50)}
        if statuses != {200}:
            raise click.ClickException(f"{case.name}, {access}: {statuses}")
    spent = microseconds(acts, pid, calls)
    for (access, _), act, (here, there) in zip(callers, acts, spent, strict=True):
        called = statistics.median(function_calls(act) for _ in range(21))
        executed = statistics.median(instructions(act) for _ in range(5))
        yield f"| {case.name} | {access} | {called:.0f} | {executed:.0f} | {here:.0f} | {there:.0f} |"


if __name__ == "__main__":
    main()
