"""Where a reindexing stands, kept in a file so that the next run goes on there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fhir_server.model.plan import Position


class ProgressRefused(Exception):
    """A file is no progress of a reindexing of this database; the message says what to do."""


@dataclass
class Progress:
    """The last resource of each type that was reindexed, and the types that are finished.

    `path=None` keeps nothing.  `database` guards against going on in another one.
    """

    database: str
    path: Path | None = None
    positions: dict[str, Position] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    unlabelled: int = 0
    """Resources that say a label which their facts do not have."""

    @classmethod
    def open(cls, path: Path | None, database: str) -> Progress:
        """Return what a file tells; a new one where there is none.  Raises ProgressRefused."""
        if path is None or not path.exists():
            return cls(database, path)
        try:
            kept = json.loads(path.read_text("utf-8"))
            if kept["database"] != database:
                raise ProgressRefused(f"{path} is of the database {kept['database']!r}, not of {database!r}.")
            positions = {name: _position(told) for name, told in kept["positions"].items()}
            return cls(database, path, positions, set(kept["finished"]), int(kept.get("unlabelled", 0)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise ProgressRefused(f"{path} is no progress of a reindexing: name another file.") from None

    def reached(self, resource_type: str, position: Position | None) -> None:
        """Note how far a type is; None: it is finished."""
        if position is None:
            self.finished.add(resource_type)
            self.positions.pop(resource_type, None)
        else:
            self.positions[resource_type] = position
        self._write()

    def remove(self) -> None:
        """Forget everything: all is done."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        if self.path is None:
            return
        told = {
            "database": self.database,
            "positions": {name: _told(position) for name, position in self.positions.items()},
            "finished": sorted(self.finished),
            "unlabelled": self.unlabelled,
        }
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.write_text(json.dumps(told), "utf-8")
        fresh.replace(self.path)


def _told(position: Position) -> list[Any]:
    return [None if position.sort is None else position.sort.isoformat(), position.seq, position.id]


def _position(told: list[Any]) -> Position:
    sort, seq, id = told
    return Position(None if sort is None else datetime.fromisoformat(sort), int(seq), str(id))
