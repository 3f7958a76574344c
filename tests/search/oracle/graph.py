"""What points to what: chains, `_has`, includes and compartments by looking at every resource.

Spec: https://hl7.org/fhir/R4/search.html#chaining, https://hl7.org/fhir/R4/search.html#include
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.search.oracle import links
from tests.search.oracle.brute_force import BruteForce, Criterion
from tests.search.oracle.parameters import Resource

Place = tuple[str, str]
"""Type and id."""


@dataclass(frozen=True, slots=True)
class Forward:
    """What points by `code` to a resource of a type for which the rest holds."""

    code: str
    target: str
    rest: Rest


@dataclass(frozen=True, slots=True)
class Reverse:
    """What a resource of type `source`, for which the rest holds, points to by its `code`."""

    source: str
    code: str
    rest: Rest


Rest = Criterion | Forward | Reverse


@dataclass(frozen=True, slots=True)
class Rule:
    """An include; a target of `""` is any."""

    source: str
    code: str
    target: str = ""
    reverse: bool = False
    iterate: bool = False

    @property
    def pair(self) -> tuple[str, str]:
        """The name and the value of the query."""
        name = "_revinclude" if self.reverse else "_include"
        value = f"{self.source}:{self.code}"
        return f"{name}:iterate" if self.iterate else name, f"{value}:{self.target}" if self.target else value


def spelled(rest: Rest) -> tuple[str, str]:
    """Return the name and the value of the query."""
    match rest:
        case Forward(code, target, inner):
            name, value = spelled(inner)
            return f"{code}:{target}.{name}", value
        case Reverse(source, code, inner):
            name, value = spelled(inner)
            return f"_has:{source}:{code}:{name}", value
    return rest.pair


@dataclass
class Graph:
    """The resources that somebody sees (`sees`), and the links between them."""

    force: BruteForce
    sees: Callable[[Resource], bool]
    _pointed: dict[tuple[str, str, str], frozenset[Place]] = field(default_factory=dict)

    def of_type(self, kind: str) -> list[Resource]:
        """Return what is seen of a type."""
        return [one for one in self.force.of_type(kind) if self.sees(one)]

    def holding(self, kind: str, rest: Rest) -> set[str]:
        """Return the ids of what is seen of a type and for which the rest holds."""
        seen = self.of_type(kind)
        match rest:
            case Forward(code, target, inner):
                wanted = {(target, id) for id in self.holding(target, inner)}
                return {one["id"] for one in seen if wanted & self.pointed(one, code)}
            case Reverse(source, code, inner):
                chosen = self.holding(source, inner)
                sources = [one for one in self.of_type(source) if one["id"] in chosen]
                met = {place for one in sources for place in self.pointed(one, code)}
                return {one["id"] for one in seen if (kind, one["id"]) in met}
        return {one["id"] for one in seen if self.force.holds(rest, one)}

    def pointed(self, resource: Resource, code: str) -> frozenset[Place]:
        """Return what a resource points to by a parameter, whether that is there or not."""
        key = (resource["resourceType"], resource["id"], code)
        if key not in self._pointed:
            self._pointed[key] = frozenset(self._places(resource, code))
        return self._pointed[key]

    def along(self, matches: Iterable[Place], rules: Sequence[Rule]) -> set[Place]:
        """Return what the rules bring along, without the matches."""
        level, met = set(matches), set(matches)
        brought, applied = set[Place](), list(rules)
        while level:
            level = {place for rule in applied for place in self._by(rule, level)} - met
            met |= level
            brought |= level
            applied = [rule for rule in rules if rule.iterate]
        return brought

    def _by(self, rule: Rule, seeds: set[Place]) -> set[Place]:
        found = set[Place]()
        for one in self.of_type(rule.source):
            here = (rule.source, one["id"])
            if rule.reverse:
                aimed = self.pointed(one, rule.code) & seeds
                if any(not rule.target or kind == rule.target for kind, _ in aimed):
                    found.add(here)
            elif here in seeds:
                there = self.pointed(one, rule.code)
                found |= {place for place in there if not rule.target or place[0] == rule.target}
        known = {(kind, one["id"]) for kind in {place[0] for place in found} for one in self.of_type(kind)}
        return found & known

    def _places(self, resource: Resource, code: str) -> Iterable[Place]:
        definition = self.force.values.definition(resource["resourceType"], code)
        for found in self.force.values.of(resource, code):
            if found.type == "Reference":
                for link in links.links(found.value, found.type, self.force.base_url):
                    if link.type is not None and link.id is not None and link.base is None:
                        yield link.type, link.id
            elif found.type in ("canonical", "uri") and isinstance(found.value, str):
                url, _, version = found.value.partition("|")
                for target in definition.targets:
                    for one in self.force.of_type(target):
                        if one.get("url") == url and (not version or one.get("version") == version):
                            yield target, one["id"]
