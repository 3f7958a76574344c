"""A valid resource broken by one kind of damage, and whether the validator saw it at its place."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Any

from fhir_server.model.exact_json import decode, encode
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry
from tests.validation.damages import DAMAGES, Damage, enrich
from tests.validation.structure_walk import walk


@dataclass
class Tally:
    """What became of one kind of damage."""

    broken: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass
class Record:
    """Damage done: by kind, and how many kinds each resource got."""

    kinds: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    resources: dict[str, int] = field(default_factory=dict)


class Breaker:
    """Breaks copies of resources, kinds and places chosen by the names alone."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.lenient = StructureValidator(registry)
        self.strict = StructureValidator(registry, strict=True)
        self.record = Record()

    def break_copies(self, name: str, data: bytes, kinds: int) -> None:
        """Do up to `kinds` kinds of damage, each to a copy of its own."""
        whole = _Subject(self.registry, data)
        full = whole.enriched()
        assert full is None or self.lenient.validate(decode(full.data)) == []
        is_strict = self.strict.accepts(decode(data))
        done = 0
        for damage in Random(name).sample(DAMAGES, len(DAMAGES)):
            if done < kinds and (is_strict or not damage.strict):
                done += self._break(name, damage, whole, full)
        self.record.resources[name] = done

    def _break(self, name: str, damage: Damage, whole: _Subject, full: _Subject | None) -> bool:
        """Break the resource where the damage applies; return whether it does."""
        random = Random(f"{name} {damage.name}")
        subject, targets = whole, whole.targets(damage)
        if not targets and full is not None:
            subject, targets = full, full.targets(damage)
        if not targets:
            return False
        tree = decode(subject.data)
        place = damage.apply(tree, random.choice(targets), random, self.registry)
        tally = self.record.kinds[damage.name]
        tally.broken += 1
        issues = (self.strict if damage.strict else self.lenient).validate(tree)
        found = [(issue.situation, issue.expression) for issue in issues]
        if (damage.situation, place) not in found:
            tally.faults.append(f"{name}: expected {damage.situation} at {place}, found {found[:3]}")
        return True


class _Subject:
    """A resource with everything that is in it."""

    def __init__(self, registry: Registry, data: bytes) -> None:
        self.registry = registry
        self.data = data
        self.walk = walk(registry, decode(data))

    def enriched(self) -> _Subject | None:
        """Return the resource with rare types added, None where it has no place for them."""
        tree = decode(self.data)
        elements = {element.name for element in self.registry.structures[tree["resourceType"]].elements}
        if "contained" not in elements:
            return None
        return _Subject(self.registry, encode(enrich(tree)))

    def targets(self, damage: Damage) -> list[Any]:
        return list(damage.targets(self.walk, self.registry))
