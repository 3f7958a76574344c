"""What became of every file: the sums close, or the report is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

STORED: Final = "stored"
ALREADY_THERE: Final = "already-there"
CONVERTED: Final = "converted"
"""Not stored, because nothing was to be: a dry run."""
REFUSED: Final = "refused"
OUTCOMES: Final = (STORED, ALREADY_THERE, CONVERTED, REFUSED)


class DoesNotClose(Exception):
    """The sums of a report do not agree: a fault of ours."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file was not stored: a word to count by, and a text without personal data."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file.  `place` names it.

    `resources` are those that were made, by type, `found` those that were there already.  `unmapped`: XPath →
    how often; `templates`: template → (met, structured); `issues`: kind → how many.
    """

    place: str
    outcome: str
    refusal: Refusal | None = None
    document: str | None = None
    resources: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[str, int] = field(default_factory=dict)
    unmapped: Mapping[str, int] = field(default_factory=dict)
    templates: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    issues: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """All files of a run, of which `files_in` were to be looked at.

    The counts of resources, unmapped places, templates and issues are those of what was stored or converted
    in this run: what was there already was accounted for when it came.
    """

    files: tuple[FileResult, ...]
    files_in: int
    seconds: float = 0.0
    stopped: bool = False

    @property
    def outcomes(self) -> Mapping[str, int]:
        """Outcome → files."""
        counts = Counter(one.outcome for one in self.files)
        return {name: counts[name] for name in OUTCOMES}

    @property
    def refusals(self) -> Mapping[str, int]:
        """Kind of refusal → files."""
        return _sorted(Counter(one.refusal.kind for one in self.files if one.refusal is not None))

    @property
    def resources(self) -> Mapping[str, int]:
        """Type → resources made."""
        return _sum(one.resources for one in self.fresh)

    @property
    def found(self) -> Mapping[str, int]:
        """Type → resources that were there already."""
        return _sum(one.found for one in self.fresh)

    @property
    def unmapped(self) -> Mapping[str, int]:
        """XPath → how many elements or attributes of that place no resource carries."""
        return _sum(one.unmapped for one in self.fresh)

    @property
    def issues(self) -> Mapping[str, int]:
        """Kind of issue → how many."""
        return _sum(one.issues for one in self.fresh)

    @property
    def templates(self) -> Mapping[str, tuple[int, int]]:
        """Template → entries met, and those of them that became resources."""
        met = _sum({name: pair[0] for name, pair in one.templates.items()} for one in self.fresh)
        made = _sum({name: pair[1] for name, pair in one.templates.items()} for one in self.fresh)
        return {name: (count, made.get(name, 0)) for name, count in met.items()}

    @property
    def fresh(self) -> tuple[FileResult, ...]:
        """The files whose content this run brought."""
        return tuple(one for one in self.files if one.outcome in (STORED, CONVERTED))

    @property
    def left(self) -> int:
        """The files that a stopped run did not come to."""
        return self.files_in - len(self.files)

    def check(self) -> None:
        """Raise DoesNotClose unless every file has exactly one outcome, and every refusal a reason."""
        if sum(self.outcomes.values()) != len(self.files):
            raise DoesNotClose("A file has an outcome that is not counted.")
        if len({one.place for one in self.files}) != len(self.files):
            raise DoesNotClose("A file is counted twice.")
        if self.left < 0 or (self.left and not self.stopped):
            raise DoesNotClose(f"{self.files_in} files came in, {len(self.files)} are accounted for.")
        if any((one.outcome == REFUSED) != (one.refusal is not None) for one in self.files):
            raise DoesNotClose("A refusal has no reason, or a reason belongs to no refusal.")
        if any(made > met for met, made in self.templates.values()):
            raise DoesNotClose("More entries of a template became resources than were met.")


def as_tree(report: Report, *, names: bool = True) -> dict[str, Any]:
    """Return the report as a JSON tree; without `names`, files are known by their position alone."""
    return {
        "files_in": report.files_in,
        "outcomes": dict(report.outcomes),
        "not_come_to": report.left,
        "refusals": dict(report.refusals),
        "resources": dict(report.resources),
        "resources_found": dict(report.found),
        "unmapped": dict(report.unmapped),
        "templates": {
            name: {"met": met, "structured": made} for name, (met, made) in report.templates.items()
        },
        "issues": dict(report.issues),
        "seconds": round(report.seconds, 3),
        "files": [_file_tree(one, names_of(one, place, names)) for place, one in enumerate(report.files, 1)],
    }


def names_of(one: FileResult, position: int, names: bool) -> str:
    """Return how a file is called in a report: what cannot be printed, or written, is spelled out."""
    if not names:
        return f"file {position}"
    return "".join(sign if sign.isprintable() else _spelled(sign) for sign in one.place)


def _spelled(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def _file_tree(one: FileResult, name: str) -> dict[str, Any]:
    tree: dict[str, Any] = {"file": name, "outcome": one.outcome}
    if one.refusal is not None:
        tree["refusal"] = {"kind": one.refusal.kind, "text": one.refusal.text}
    if one.document is not None:
        tree["document"] = one.document
    return {**tree, "resources": dict(one.resources), "unmapped": sum(one.unmapped.values())}


def _sum(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return _sorted(total)


def _sorted(counts: Mapping[str, int]) -> Mapping[str, int]:
    return {name: counts[name] for name in sorted(counts)}
