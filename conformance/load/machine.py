"""Facts about the machine that a figure is worthless without.  No host name, no user, no address."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from conformance.load.usage import machine_cpu_ticks


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures were measured on."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    load_average_before: float
    """Of the last minute: over about 0.5 something else was running."""


def machine() -> Machine:
    """Return the facts of this machine, now."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load_average_before=round(os.getloadavg()[0], 2),
    )


class StealMeter:
    """How much of the machine's time the host gave to others between two moments."""

    def __init__(self) -> None:
        self._before = machine_cpu_ticks()

    def share(self) -> float:
        """Return stolen time / all time since the meter was made, 0 to 1."""
        total, _, stolen = machine_cpu_ticks()
        spent = total - self._before[0]
        return (stolen - self._before[2]) / spent if spent else 0.0


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
