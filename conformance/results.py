"""What became of the cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.suite import Case, Level

Verdict = Literal["passed", "failed", "skipped"]
VERDICTS: tuple[Verdict, ...] = ("passed", "failed", "skipped")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case.  `reasons`: the faults of a failed one, the feature a skipped one lacks."""

    suite: str
    case: Case
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """All results of one run against one server.  `server` is what it calls itself."""

    base: str
    server: str
    fhir_version: str
    seconds: float
    results: tuple[Result, ...]

    def count(self, verdict: Verdict, level: Level | None = None, suite: str | None = None) -> int:
        """Return how many cases of a level and a suite (None: of all) ended so."""
        return sum(
            result.verdict == verdict and level in (None, result.case.level) and suite in (None, result.suite)
            for result in self.results
        )

    def ended(self, verdict: Verdict) -> Sequence[Result]:
        """Return the cases that ended so, in the order of the suites."""
        return [result for result in self.results if result.verdict == verdict]

    @property
    def is_conformant(self) -> bool:
        """Whether no SHALL failed."""
        return self.count("failed", "SHALL") == 0
