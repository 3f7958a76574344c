"""Facts of CodeSystems, and value sets enumerated from the code systems of their own package.

Spec: https://hl7.org/fhir/R4/codesystem.html, https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fhir_server.model.canonical import without_version
from profiles.definitions import CodeSystem, ValueSet

Facts = dict[str, Any]
Codes = dict[str, dict[str, str]]
"""System → code → display."""

_LICENSED = ("license", "licence", "all rights reserved")
"""Words of a copyright statement that a package's own licence does not overrule."""
_FREE = "cc0"
"""A statement that names this licence asks for no other."""


class NotEnumerable(Exception):
    """The codes of a value set cannot be listed from its package alone; the message says why."""


def why_left_out(tree: Mapping[str, Any]) -> str | None:
    """Return why a code system is not carried, None if it is."""
    if tree.get("content") != "complete" or not tree.get("concept"):
        return "the package does not hold all of its codes"
    statement = str(tree.get("copyright", "")).lower()
    if _FREE not in statement and any(word in statement for word in _LICENSED):
        return "its copyright statement asks for a licence"
    return None


def code_system(tree: Mapping[str, Any]) -> CodeSystem:
    """Return a complete CodeSystem as facts."""
    concepts: dict[str, str] = {}
    parents: dict[str, list[str]] = {}
    for concept, parent in _walk(tree["concept"], None):
        concepts[concept["code"]] = concept.get("display", "")
        if parent is not None:
            parents.setdefault(concept["code"], []).append(parent)
        for child in _children(concept):
            parents.setdefault(child, []).append(concept["code"])
    return CodeSystem(
        url=tree["url"],
        concepts=concepts,
        parents={
            code: tuple(sorted(set(above))) for code, above in sorted(parents.items()) if code in concepts
        },
        case_sensitive=tree.get("caseSensitive", True),
    )


def code_system_facts(system: CodeSystem) -> Facts:
    """Return a code system in the shape that `profiles.load` reads."""
    facts: Facts = {"url": system.url}
    if not system.case_sensitive:
        facts["case_sensitive"] = False
    return facts | {"parents": system.parents, "concepts": system.concepts}


class Expander:
    """Enumerates value sets by their `compose`, over code systems and value sets that are already there.

    `value_sets`: canonical → its resource, of which only the `compose` counts.
    """

    def __init__(
        self,
        value_sets: Mapping[str, Mapping[str, Any]],
        code_systems: Mapping[str, CodeSystem],
        earlier: Mapping[str, ValueSet] = MappingProxyType({}),
    ) -> None:
        self._value_sets = value_sets
        self._code_systems = code_systems
        self._earlier = earlier
        self._done: dict[str, Codes] = {}
        self._open: list[str] = []

    def expand(self, url: str) -> Codes:
        """Return the codes of a value set.  Raises NotEnumerable with the reason."""
        if url in self._done:
            return self._done[url]
        if url in self._open:
            raise NotEnumerable(f"includes itself through {self._open[-1]}")
        if url not in self._value_sets:
            return self._expanded_earlier(url)
        self._open.append(url)
        try:
            self._done[url] = self._compose(self._value_sets[url].get("compose"))
        finally:
            self._open.pop()
        return self._done[url]

    def _expanded_earlier(self, url: str) -> Codes:
        if url not in self._earlier:
            raise NotEnumerable(f"{url} is not in the package, nor listed by those that it is built over")
        return {system: dict(concepts) for system, concepts in self._earlier[url].systems.items()}

    def facts(self, url: str) -> Facts:
        """Return the value set in the shape that `profiles.load` reads.

        Codes of systems that no package holds are carried where they are listed.  Raises NotEnumerable with
        the reason.
        """
        whole: list[str] = []
        codes: dict[str, list[str]] = {}
        listed: Codes = {}
        for system, concepts in sorted(self.expand(url).items()):
            known = self._code_systems.get(system)
            if known is None:
                listed[system] = concepts
            elif concepts.keys() == known.concepts.keys():
                whole.append(system)
            else:
                codes[system] = list(concepts)
        parts = {"whole": whole, "codes": codes, "listed": listed}
        return {"url": url} | {name: value for name, value in parts.items() if value}

    def _compose(self, compose: Mapping[str, Any] | None) -> Codes:
        if compose is None:
            raise NotEnumerable("has no compose")
        found: Codes = {}
        for include in compose.get("include", ()):
            for system, concepts in self._include(include).items():
                found.setdefault(system, {}).update(concepts)
        for exclude in compose.get("exclude", ()):
            for system, concepts in self._include(exclude).items():
                for code in concepts:
                    found.get(system, {}).pop(code, None)
        codes = {system: concepts for system, concepts in found.items() if concepts}
        if not codes:
            raise NotEnumerable("has no codes")
        return codes

    def _include(self, include: Mapping[str, Any]) -> Codes:
        # Everything inside one include has to hold; several includes add up.
        parts = [self.expand(without_version(url)) for url in include.get("valueSet", ())]
        if "system" in include:
            parts.append({include["system"]: self._of_system(include)})
        if not parts:
            raise NotEnumerable("has an include that names neither a system nor a value set")
        found = parts[-1]
        for other in parts[:-1]:
            found = _intersection(found, other)
        return {system: dict(concepts) for system, concepts in found.items()}

    def _of_system(self, include: Mapping[str, Any]) -> dict[str, str]:
        system = include["system"]
        known = self._code_systems.get(system)
        if "concept" in include:
            displays: Mapping[str, str] = {} if known is None else known.concepts
            return {
                concept["code"]: displays.get(concept["code"]) or concept.get("display", "")
                for concept in include["concept"]
            }
        if known is None:
            raise NotEnumerable(f"needs {system}, which the package does not hold completely")
        found = dict(known.concepts)
        for condition in include.get("filter", ()):
            kept = _filtered(known, condition)
            found = {code: display for code, display in found.items() if code in kept}
        return found


def _is_a(known: CodeSystem, value: str) -> frozenset[str]:
    return known.below(value)


def _descendent_of(known: CodeSystem, value: str) -> frozenset[str]:
    return known.below(value) - {value}


def _is_not_a(known: CodeSystem, value: str) -> frozenset[str]:
    return frozenset(known.concepts) - known.below(value)


_FILTERS: Mapping[tuple[str, str], Callable[[CodeSystem, str], frozenset[str]]] = {
    ("concept", "is-a"): _is_a,
    ("concept", "descendent-of"): _descendent_of,
    ("concept", "is-not-a"): _is_not_a,
}


def _filtered(known: CodeSystem, condition: Mapping[str, Any]) -> frozenset[str]:
    kind = (condition["property"], condition["op"])
    if kind not in _FILTERS:
        raise NotEnumerable(f"filters by {kind[0]} {kind[1]}")
    return _FILTERS[kind](known, condition["value"])


def _intersection(one: Codes, other: Codes) -> Codes:
    return {
        system: {code: display for code, display in concepts.items() if code in other[system]}
        for system, concepts in one.items()
        if system in other
    }


def _walk(
    concepts: Sequence[Mapping[str, Any]], parent: str | None
) -> Iterator[tuple[Mapping[str, Any], str | None]]:
    for concept in concepts:
        yield concept, parent
        yield from _walk(concept.get("concept", ()), concept["code"])


def _children(concept: Mapping[str, Any]) -> Iterator[str]:
    # HL7's version 3 tables write a second parent as a property of that parent.
    for item in concept.get("property", ()):
        if item["code"] == "child" and "valueCode" in item:
            yield item["valueCode"]
