"""The definitions that validation uses: the packages, and what was posted, in generations swapped whole.

A generation is made when a profile is first asked for, and again after a definition was written by any
worker, or a package was loaded: this one looks for that at most once a second, by one look-up and the dates
of the packages.  The old generation stays in use until the new one is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final

from fhir_server.interactions.definitions_posted import PostedProfiles, registry_with
from fhir_server.interactions.definitions_source import StoredDefinitions
from fhir_server.model.clock import Clock
from fhir_server.model.outcome import Issue
from fhir_server.validation.validator import Validator
from profiles.registry import Registry

PATIENCE: Final = timedelta(seconds=1)
"""How long a change by another worker may go unnoticed."""

Compiler = Callable[[Registry], Validator]


@dataclass(frozen=True, slots=True)
class Generation:
    """Definitions that do not change, and the validator made of them.

    `trees` are the posted ones as they are stored, `posted` the profiles among them, `packages` those that
    they were laid over.
    """

    registry: Registry
    validator: Validator
    trees: Sequence[dict[str, Any]]
    posted: PostedProfiles
    packages: Registry

    def usable(self, profiles: Sequence[str]) -> tuple[list[str], list[Issue]]:
        """Return which of the canonicals that are asked for can be used, and why the others cannot.

        One that is not known at all is left to the validator to say.
        """
        usable, issues = [], []
        for canonical in dict.fromkeys(profiles):
            problem = self.posted.problem(canonical)
            if problem is None or self.registry.profile(canonical) is not None:
                usable.append(canonical)
            else:
                issues.append(Issue("faulty-profile", f"The profile cannot be used: {problem}"))
        return usable, issues


class Definitions:
    """The generation in use.  Safe to share between threads; made once for each worker."""

    def __init__(
        self,
        registry: Registry,
        stored: StoredDefinitions,
        clock: Clock,
        compiler: Compiler,
        packages: Callable[[], Registry] | None = None,
    ) -> None:
        """`registry` holds the packages at the start; `compiler` makes the validator of a generation.

        `packages` returns those of the moment: the same object as long as they are the same.
        """
        self._first = registry.generation
        self._packages = packages or (lambda: registry)
        self._stored = stored
        self._clock = clock
        self._compile = compiler
        self._lock = Lock()
        self._generation: Generation | None = None
        self._mark: tuple[bytes, ...] = ()
        self._looked: datetime | None = None

    @property
    def made(self) -> int:
        """How many generations were made so far: none, as long as nobody asked for a profile."""
        found = self._generation
        return 0 if found is None else found.registry.generation - self._first

    def current(self) -> Generation:
        """Return the generation in use, at most a second behind what is stored.

        While one thread makes the next generation, the others use the old one.
        """
        known = self._generation
        if known is not None and not self._is_due():
            return known
        if not self._lock.acquire(blocking=known is None):
            assert known is not None
            return known
        try:
            if known is None and self._generation is not None:
                return self._generation
            return self._look()
        finally:
            self._lock.release()

    def at_hand(self) -> Generation:
        """Return the generation that was made last, however long ago."""
        return self._generation or self.current()

    def look_again(self) -> None:
        """Let the next request look for changes at once: this worker wrote one."""
        self._looked = None

    def _is_due(self) -> bool:
        looked, now = self._looked, self._clock.now()
        return looked is None or not looked <= now < looked + PATIENCE

    def _look(self) -> Generation:
        # The time comes first, and the mark before what it stands for: what changes meanwhile is seen again.
        self._looked = self._clock.now()
        packages, mark, known = self._packages(), self._stored.mark(), self._generation
        if known is not None and mark == self._mark and packages is known.packages:
            return known
        trees = known.trees if known is not None and mark == self._mark else tuple(self._stored.trees())
        if known is None or packages is not known.packages or trees != known.trees:
            known = self._generation = self._next(packages, trees)
        self._mark = mark
        return known

    def _next(self, packages: Registry, trees: Sequence[dict[str, Any]]) -> Generation:
        number = self._first + self.made + 1
        registry, posted = registry_with(packages, trees, number)
        return Generation(registry, self._compile(registry), trees, posted, packages)
