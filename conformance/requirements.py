"""Requirements joined to the cases that show them: `requirements.csv`, one row for each requirement.

Columns: `id`; `spec`, the place in the specification; `level`; `text`, in our own words; `cases`, case ids
with spaces between; `reason`, why there is no case, where there is none.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from conformance.suite import LEVELS, Suite

FILE = Path(__file__).parent / "requirements.csv"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row; either `cases` or `reason` is empty."""

    id: str
    spec: str
    level: str
    text: str
    cases: tuple[str, ...]
    reason: str


def load_requirements(file: Path = FILE) -> tuple[Requirement, ...]:
    """Return the requirements in the order of the file."""
    with file.open(encoding="utf-8", newline="") as text:
        return tuple(
            Requirement(
                row["id"], row["spec"], row["level"], row["text"], tuple(row["cases"].split()), row["reason"]
            )
            for row in csv.DictReader(text)
        )


def faults(requirements: Iterable[Requirement], suites: Iterable[Suite]) -> Iterator[str]:
    """Yield where requirements and cases do not join, both ways."""
    cases = {case.id: case for suite in suites for case in suite.cases}
    shown: set[str] = set()
    ids: set[str] = set()
    for requirement in requirements:
        if requirement.id in ids:
            yield f"{requirement.id} is there twice"
        ids.add(requirement.id)
        if requirement.level not in LEVELS:
            yield f"{requirement.id} has the level {requirement.level!r}"
        if bool(requirement.cases) == bool(requirement.reason):
            yield f"{requirement.id} needs cases, or a reason why there are none"
        for id in requirement.cases:
            shown.add(id)
            case = cases.get(id)
            if case is None:
                yield f"{requirement.id} names the case {id}, which no suite has"
            elif (case.spec, case.level) != (requirement.spec, requirement.level):
                yield f"{requirement.id} and its case {id} have different places or levels"
    yield from (f"no requirement names the case {id}" for id in cases if id not in shown)
