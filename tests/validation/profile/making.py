"""Profiles written in a few lines, and what a validator that knows them finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_server.model import exact_json
from fhir_server.model.outcome import Issue
from fhir_server.validation.validator import Validator, ValidatorOptions
from profiles.definitions import Profile, ValueSet
from profiles.overlay import with_profiles
from profiles.read_profile import profile_of
from profiles.registry import Registry
from terminology.local import LocalConcepts

BASE = "https://example.org/fhir/StructureDefinition/"

Row = Mapping[str, Any]


def row(identity: str, least: int = 0, most: str = "*", **more: Any) -> dict[str, Any]:
    """Return one element of a snapshot; the path and the name of a slice are those of its id."""
    steps = [step.partition(":") for step in identity.split(".")]
    found: dict[str, Any] = {
        "id": identity,
        "path": ".".join(name for name, _, _ in steps),
        "min": least,
        "max": most,
    }
    if steps[-1][2]:
        found["sliceName"] = steps[-1][2]
    kinds = more.pop("types", None)
    if kinds is not None:
        found["type"] = [{"code": kind} if isinstance(kind, str) else kind for kind in kinds]
    return found | more


def slicing(*discriminators: tuple[str, str], rules: str = "open", ordered: bool = False) -> dict[str, Any]:
    """Return the `slicing` of an element from (type, path) pairs."""
    return {
        "discriminator": [{"type": kind, "path": path} for kind, path in discriminators],
        "rules": rules,
        "ordered": ordered,
    }


def profile(
    name: str, kind: str, *rows: Row, root: Row | None = None, version: str | None = "1.0"
) -> Profile:
    """Return a profile of a type whose snapshot says no more than these rows."""
    first = dict(root or row(kind))
    return profile_of(
        {
            "resourceType": "StructureDefinition",
            "url": BASE + name,
            "version": version,
            "name": name,
            "type": kind,
            "kind": "resource",
            "abstract": False,
            "derivation": "constraint",
            "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{kind}",
            "snapshot": {"element": [first, *rows]},
        }
        if version is not None
        else {
            "resourceType": "StructureDefinition",
            "url": BASE + name,
            "name": name,
            "type": kind,
            "kind": "resource",
            "abstract": False,
            "snapshot": {"element": [first, *rows]},
        }
    )


def value_set(name: str, system: str, *codes: str) -> ValueSet:
    return ValueSet(
        url=f"https://example.org/fhir/ValueSet/{name}", systems={system: dict.fromkeys(codes, "")}
    )


@dataclass
class Bench:
    """A validator over R4 and a few definitions of the test's own."""

    registry: Registry
    options: ValidatorOptions = field(default_factory=lambda: ValidatorOptions(best_practice=False))

    def with_definitions(self, *profiles: Profile, value_sets: Iterable[ValueSet] = ()) -> Validator:
        registry = with_profiles(self.registry, profiles, value_sets=tuple(value_sets))
        return Validator(registry, LocalConcepts(registry), self.options)


def tree(resource: Mapping[str, Any] | str) -> Any:
    """Return the exact tree of a resource; a text keeps its number literals."""
    return exact_json.decode(
        resource.encode() if isinstance(resource, str) else exact_json.encode(dict(resource))
    )


def found(issues: Iterable[Issue]) -> list[tuple[str, str, str | None]]:
    """Return what a test compares: severity, situation, expression."""
    return [(issue.severity, issue.situation, issue.expression) for issue in issues]
