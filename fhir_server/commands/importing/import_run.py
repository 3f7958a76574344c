"""One import: files in, several connections or processes, one line of the report for each file."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import TypeVar

from fhir_server.commands.importing.answers import of_answer, of_result, refused
from fhir_server.commands.importing.inputs import read_document
from fhir_server.commands.importing.journal import ImportJournal
from fhir_server.commands.importing.report import REFUSED, FileResult, Refusal
from fhir_server.commands.loading.parcels import Parcel
from fhir_server.commands.loading.sender import Sender, Unreachable
from importers.cda.convert import Options, convert
from importers.result import Unreadable

PATH = "$import-document"
MEDIA_TYPE = "application/xml"

T = TypeVar("T")
Progress = Callable[[FileResult], None]
"""Called with each line of the report as it comes."""


@dataclass(frozen=True, slots=True)
class _Done:
    digest: str
    result: FileResult


def import_files(
    files: Sequence[Path],
    sender: Sender,
    journal: ImportJournal,
    *,
    connections: int,
    stopped: threading.Event,
    progress: Progress,
) -> tuple[FileResult, ...]:
    """Send every document, `connections` at a time, and return what became of each, in their order.

    One that is refused never stops the rest.  Ends early when `stopped` is set or the server is gone (raises
    Unreachable); what was answered until then is in the journal.
    """

    def work(file: Path) -> _Done:
        return _send(file, sender, journal)

    def note(done: _Done) -> FileResult:
        if done.result.outcome != REFUSED:
            journal.add(done.digest, done.result)
        progress(done.result)
        return done.result

    with ThreadPoolExecutor(connections, thread_name_prefix="import") as pool:
        try:
            return tuple(map(note, _each(pool, work, files, connections, stopped)))
        except Unreachable:
            stopped.set()
            raise


def convert_files(
    files: Sequence[Path],
    *,
    zone: tzinfo,
    processes: int,
    stopped: threading.Event,
    progress: Progress,
) -> tuple[FileResult, ...]:
    """Convert every document, without any server, and return what would become of each.

    `zone` is that of times without an offset.
    """
    work = partial(_converted, zone=zone)
    found: list[FileResult] = []
    if processes == 1:
        for file in files:
            if stopped.is_set():
                break
            found.append(work(file))
            progress(found[-1])
        return tuple(found)
    with ProcessPoolExecutor(processes, initializer=_leave_stopping) as pool:
        for result in _each(pool, work, files, processes, stopped):
            found.append(result)
            progress(result)
    return tuple(found)


def _leave_stopping() -> None:
    """Leave Ctrl-C to the process that gives out the work: what is under way is finished."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _each(
    pool: Executor, work: Callable[[Path], T], files: Sequence[Path], width: int, stopped: threading.Event
) -> Iterator[T]:
    """Yield the results in the order of the files; few wait at a time, so that memory stays flat."""
    waiting: list[Future[T]] = []
    for file in files:
        if stopped.is_set():
            break
        waiting.append(pool.submit(work, file))
        while len(waiting) > width * 4:
            wait(waiting, return_when=FIRST_COMPLETED)
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()


def _send(file: Path, sender: Sender, journal: ImportJournal) -> _Done:
    place, data = str(file), read_document(file)
    if isinstance(data, Refusal):
        return _Done("", refused(place, data))
    digest = hashlib.sha256(os.fsencode(file) + b"\0" + data).hexdigest()
    known = journal.find(digest, place)
    if known is not None:
        return _Done(digest, known)
    parcel = Parcel(digest, place, "POST", PATH, data, (), media_type=MEDIA_TYPE)
    return _Done(digest, of_answer(place, sender.send(parcel)))


def _converted(file: Path, zone: tzinfo) -> FileResult:
    place, data = str(file), read_document(file)
    if isinstance(data, Refusal):
        return refused(place, data)
    try:
        return of_result(place, convert(data, Options(zone=zone)))
    except Unreadable as reason:
        return refused(place, Refusal("unreadable-document", f"{reason.kind}: {reason.text}"))
