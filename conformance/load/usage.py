"""What processes spent, read from Linux's /proc: CPU seconds and resident memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Usage:
    """The sum over some processes.  Shared pages count in each process that maps them."""

    cpu_s: float
    rss_bytes: int
    largest_rss_bytes: int


def usage(pids: Iterable[int]) -> Usage:
    """Return what the processes have spent so far; one that is gone counts nothing."""
    cpu, resident = 0.0, [0]
    for pid in pids:
        fields = _stat(pid)
        if fields is None:
            continue
        cpu += (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        resident.append(int(fields[21]) * PAGE_BYTES)
    return Usage(cpu, sum(resident), max(resident))


def started_at(pid: int) -> int | None:
    """Return when a process started (ticks since boot), None if there is none: tells a reused id apart."""
    fields = _stat(pid)
    return None if fields is None or fields[0] == "Z" else int(fields[19])


def command_name(pid: int) -> str:
    """Return the short name of a process, empty if it is gone."""
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def descendants(root: int) -> tuple[int, ...]:
    """Return a process and all below it, itself first."""
    children: dict[int, list[int]] = {}
    for pid in _pids():
        fields = _stat(pid)
        if fields is not None:
            children.setdefault(int(fields[1]), []).append(pid)
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return tuple(found)


def listeners(port: int) -> tuple[int, ...]:
    """Return the processes of this user that hold a listening TCP socket of a port."""
    wanted = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening(table, port)}
    return tuple(pid for pid in _pids() if wanted & _open_files(pid))


def machine_cpu_ticks() -> tuple[int, int, int]:
    """Return (all, idle and waiting, stolen) ticks of the whole machine since boot."""
    numbers = [int(number) for number in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    return sum(numbers), numbers[3] + numbers[4], numbers[7]


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on: the second may hold blanks and brackets."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def _listening(table: str, port: int) -> list[str]:
    try:
        lines = (PROC / "net" / table).read_text().splitlines()[1:]
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [row[9] for row in rows if row[3] == LISTEN and int(row[1].rsplit(":", 1)[1], 16) == port]


def _open_files(pid: int) -> set[str]:
    found: set[str] = set()
    try:
        for entry in (PROC / str(pid) / "fd").iterdir():
            found.add(str(entry.readlink()))
    except OSError:
        return found
    return found
