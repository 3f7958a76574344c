"""What the floor's workers are told: a JSON file that an environment variable names."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "LOAD_FLOOR_SETTINGS"
BASE_PATH = "/fhir"


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """Where the documents are, and which of them a write clones (by `exchange.ITEM_HEADER`)."""

    uri: str
    database: str
    creates: Sequence[tuple[str, str]]
    """(resource type, id) of the sample of each create."""
    transactions: Sequence[Sequence[tuple[str, str]]]
    """The same for each entry of each transaction."""

    def write(self, path: Path) -> None:
        """Write the file, readable by this user only: a URI may hold a password."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)

    @classmethod
    def read(cls, path: Path) -> FloorSettings:
        """Return the settings of a file that `write` made."""
        tree = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            uri=tree["uri"],
            database=tree["database"],
            creates=[(place[0], place[1]) for place in tree["creates"]],
            transactions=[[(place[0], place[1]) for place in places] for places in tree["transactions"]],
        )
