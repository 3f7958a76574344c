"""One load: files in, several connections, a report out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from fhir_server.commands.loading import report as reports
from fhir_server.commands.loading.journal import Journal
from fhir_server.commands.loading.parcels import Fault, Parcel, Postponed, parcels
from fhir_server.commands.loading.report import Failure, Outcome, Report
from fhir_server.commands.loading.sender import Sender, Unreachable

Progress = Callable[[int, Report], None]
"""Called with the bytes of the files read so far and the report so far."""


def load_files(
    files: list[Path],
    sender: Sender,
    journal: Journal,
    *,
    connections: int,
    stopped: threading.Event,
    progress: Progress,
) -> Report:
    """Send every parcel of every file, `connections` at a time, and return what became of them.

    Files are begun in order; resources of a late type follow when all others are answered.  Ends early when
    `stopped` is set or the server is gone (raises Unreachable); what was answered until then is in the
    journal.
    """
    report = Report()
    pending: set[Future[tuple[Parcel, list[Outcome]]]] = set()
    with ThreadPoolExecutor(connections, thread_name_prefix="load") as pool:
        try:
            for read_bytes, thing in _things(files):
                if stopped.is_set():
                    break
                if isinstance(thing, Parcel) and not journal.holds(thing.digest):
                    pending.add(pool.submit(_send, sender, thing))
                else:
                    _note(thing, report)
                most = 0 if isinstance(thing, _AllBefore) else connections * 2
                pending = _collect(pending, most, report, journal)
                progress(read_bytes, report)
            _collect(pending, 0, report, journal)
        except Unreachable:
            stopped.set()
            raise
    progress(sum(file.stat().st_size for file in files), report)
    return report


class _AllBefore:
    """Everything before this must be answered before anything after it is sent."""


def _things(files: list[Path]) -> Iterator[tuple[int, Parcel | Fault | _AllBefore]]:
    before = 0
    postponed: list[Path] = []
    for file in files:
        for thing in parcels(file):
            if isinstance(thing, Postponed):
                postponed.append(file)
            else:
                yield before + thing.file_offset, thing
        before += file.stat().st_size
    yield before, _AllBefore()
    for file in postponed:
        yield from ((before, thing) for thing in parcels(file, late=True) if isinstance(thing, Parcel))


def _note(thing: Parcel | Fault | _AllBefore, report: Report) -> None:
    match thing:
        case Fault(place, reason):
            report.failures.append(Failure(place, 0, (reason,)))
        case Parcel():
            report.skipped += 1


def _send(sender: Sender, parcel: Parcel) -> tuple[Parcel, list[Outcome]]:
    answer = sender.send(parcel)
    if not reports.is_refused_whole(parcel, answer):
        return parcel, list(reports.outcomes(parcel, answer))
    return parcel, [outcome for part in parcel.parts for outcome in reports.outcomes(part, sender.send(part))]


def _collect(
    pending: set[Future[tuple[Parcel, list[Outcome]]]], most: int, report: Report, journal: Journal
) -> set[Future[tuple[Parcel, list[Outcome]]]]:
    """Take in what is answered, until at most `most` are under way; return those."""
    done = {future for future in pending if future.done()}
    while len(pending) - len(done) > most:
        done |= wait(pending - done, return_when=FIRST_COMPLETED).done
    for future in done:
        parcel, found = future.result()
        report.add(found)
        if all(outcome.failure is None for outcome in found):
            journal.add(parcel.digest)
    return pending - done
