"""Concepts from the packages alone: what is there is answered, what is not there is said to be missing.

Spec: https://hl7.org/fhir/R4/terminology-service.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

from fhir_server.model.canonical import without_version
from terminology.open_systems import RULES


class CodeSystemFacts(Protocol):
    """What is asked of a code system."""

    @property
    def concepts(self) -> Mapping[str, str]:
        """Code → display term, `""` where there is none."""
        ...

    @property
    def case_sensitive(self) -> bool:
        """Whether codes that differ in case alone are different codes."""
        ...

    def below(self, code: str) -> frozenset[str]:
        """Return the code and every code under it; empty if there is no such code."""
        ...


class ValueSetFacts(Protocol):
    """What is asked of a value set that can be enumerated."""

    @property
    def systems(self) -> Mapping[str, Mapping[str, str]]:
        """System → code → display term."""
        ...


class Tables(Protocol):
    """Where code systems and value sets come from: the Registry is one."""

    @property
    def code_systems(self) -> Mapping[str, CodeSystemFacts]:
        """By canonical without version."""
        ...

    @property
    def value_sets(self) -> Mapping[str, ValueSetFacts]:
        """By canonical without version."""
        ...


class Members(Collection[tuple[str, str]]):
    """The (system, code) pairs of a value set, none of them copied."""

    __slots__ = ("_systems",)

    def __init__(self, systems: Mapping[str, Mapping[str, str]]) -> None:
        self._systems = systems

    def __contains__(self, pair: object) -> bool:
        if not isinstance(pair, tuple) or len(pair) != 2:
            return False
        system, code = pair
        return system in self._systems and code in self._systems[system]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((system, code) for system, codes in self._systems.items() for code in codes)

    def __len__(self) -> int:
        return sum(map(len, self._systems.values()))


class LocalConcepts:
    """`terminology.ports.Concepts` over the code systems and value sets of the packages.

    A version in a canonical is not looked at: a generation holds one version of each definition.
    """

    __slots__ = ("_any_system", "_found", "_tables")

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._found: dict[str, ValueSetFacts] = {}
        self._any_system: dict[str, frozenset[str]] = {}

    def members(self, value_set: str) -> Members | None:
        """Return every (system, code) of a value set, None if it cannot be enumerated here."""
        found = self._tables.value_sets.get(without_version(value_set))
        return None if found is None else Members(found.systems)

    def has(self, value_set: str, system: str | None, code: str) -> bool | None:
        """Return whether a value set has the code, None if that is not known."""
        url = without_version(value_set)
        found = self._found.get(url) or self._tables.value_sets.get(url)
        if found is not None:
            self._found[url] = found
            return code in (self._codes(url, found) if system is None else found.systems.get(system, ()))
        own, rule = RULES.get(url, (None, None))
        if rule is None:
            return None
        return rule(code) if system is None or system == own else False

    def _codes(self, url: str, found: ValueSetFacts) -> frozenset[str]:
        known = self._any_system.get(url)
        if known is None:
            known = frozenset(code for codes in found.systems.values() for code in codes)
            self._any_system[url] = known
        return known

    def lookup(self, system: str, code: str) -> str | None:
        """Return the display of a concept (its code where it has none), None if there is no such concept."""
        found = self._code_system(system)
        own = None if found is None else _own_code(found, code)
        return None if found is None or own is None else found.concepts[own] or own

    def closure(self, system: str, code: str) -> frozenset[str]:
        """Return the code and all codes below it; the code alone where nothing is known of it."""
        found = self._code_system(system)
        own = None if found is None else _own_code(found, code)
        return frozenset((code,)) if found is None or own is None else found.below(own)

    def above(self, system: str, code: str) -> frozenset[str]:
        """Return the code and all codes above it; the code alone where nothing is known of it."""
        found = self._code_system(system)
        own = None if found is None else _own_code(found, code)
        if found is None or own is None:
            return frozenset((code,))
        return frozenset(known for known in found.concepts if own in found.below(known))

    def _code_system(self, system: str) -> CodeSystemFacts | None:
        return self._tables.code_systems.get(without_version(system))


def _own_code(system: CodeSystemFacts, code: str) -> str | None:
    """The code as the system writes it."""
    if code in system.concepts:
        return code
    if system.case_sensitive:
        return None
    folded = code.casefold()
    return next((known for known in system.concepts if known.casefold() == folded), None)
