"""Client processes: the loop of `drive` split over processes that live as long as the measurement."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Self

from conformance.load.drive import Drive, Driver, Drove

START_S = 30.0
STOP_S = 5.0


class Clients:
    """A few processes that drive on request.  Use as a context manager: leaving it ends them all."""

    def __init__(self, processes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._links: list[Connection] = []
        self._processes: list[BaseProcess] = []
        self._armed: list[Connection] = []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            self._links.append(ours)
            self._processes.append(process)

    @property
    def pids(self) -> tuple[int, ...]:
        """The ids of the client processes."""
        return tuple(process.pid for process in self._processes if process.pid is not None)

    def arm(self, drive: Drive) -> None:
        """Give each process its part and wait until all its connections are open."""
        self._armed = []
        for link, part in zip(self._links, split(drive, len(self._links)), strict=False):
            link.send(part)
            self._armed.append(link)
        for link in self._armed:
            if not link.poll(START_S):
                raise TimeoutError("A client process did not get ready.")
            link.recv()

    def go(self) -> Drove:
        """Start all armed processes at once; return the sum of their figures when all are done."""
        for link in self._armed:
            link.send(None)
        return merge([link.recv() for link in self._armed])

    def close(self) -> None:
        """End every process, by its own id."""
        for link in self._links:
            link.close()
        for process in self._processes:
            process.join(STOP_S)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        self._links, self._processes = [], []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def split(drive: Drive, processes: int) -> list[Drive]:
    """Return the parts of a drive: connections and requests spread evenly, each at its own tape place."""
    parts = min(processes, drive.connections)
    return [
        replace(
            drive,
            connections=_share(drive.connections, parts, index),
            requests=_share(drive.requests, parts, index),
            offset=drive.offset + index * len(drive.tape) // parts,
        )
        for index in range(parts)
    ]


def merge(parts: list[Drove]) -> Drove:
    """Return the sum of what the processes did; the time is that of the slowest."""
    total = Drove(processes=len(parts))
    for part in parts:
        total.requests += part.requests
        total.resources += part.resources
        total.received_bytes += part.received_bytes
        total.latencies_ns.extend(part.latencies_ns)
        total.errors.update(part.errors)
        total.elapsed_s = max(total.elapsed_s, part.elapsed_s)
        total.client_cpu_s += part.client_cpu_s
    return total


def _share(total: int, parts: int, index: int) -> int:
    return total // parts + (index < total % parts)


def _serve(link: Connection) -> None:
    try:
        while True:
            driver = Driver(link.recv())
            driver.connect()
            link.send("ready")
            link.recv()
            link.send(driver.run())
    except (EOFError, OSError, KeyboardInterrupt):  # the parent is gone, or wants us gone
        link.close()
