"""The figures of one measurement, and the JSON of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from conformance.load.ceiling import Ceiling
from conformance.load.floor.database import Storage
from conformance.load.machine import Machine
from conformance.load.results import Cell

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the figures were measured under.  No address and no path: it is to be published."""

    date: str
    """Day of the measurement, UTC."""
    machine: Machine
    steal_share: float
    """Of the machine's time during the measurement that its host gave to others."""
    mongodb: str | None
    workers: int
    threads: int
    client_processes: int
    rounds: int
    seconds: float
    material: str
    resources: int
    """Posted before the measurement."""


@dataclass(frozen=True, slots=True)
class Report:
    """All figures.  `cut`: the time was over before everything was measured."""

    circumstances: Circumstances
    cells: Sequence[Cell]
    ceilings: Sequence[Ceiling]
    storage: Sequence[Storage]
    cut: bool

    @property
    def errors(self) -> int:
        """Answers that were not the expected ones, over everything measured."""
        return sum(sum(side.errors.values()) for cell in self.cells for side in cell.sides)

    @property
    def misses(self) -> list[Cell]:
        """The cells that miss a target."""
        return [cell for cell in self.cells if cell.met is False or cell.is_slow]

    def as_json(self) -> str:
        """Return the report as JSON, keys in a fixed order."""
        tree = {"schema": SCHEMA, "errors": self.errors, **asdict(self)}
        return json.dumps(tree, ensure_ascii=False, indent=2) + "\n"
