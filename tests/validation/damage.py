"""A kind of damage, and what examples are given so that every kind can be done to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from profiles.registry import Registry
from tests.instances import PRIMITIVES
from tests.validation.structure_walk import Walk

Tree = dict[str, Any]

RARE = (
    "base64Binary", "boolean", "date", "dateTime", "decimal", "id", "instant", "integer", "markdown", "oid",
    "positiveInt", "time", "unsignedInt", "uuid",
)  # fmt: skip
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
NOTE = {"url": "https://example.org/note", "valueString": "note"}


@dataclass(frozen=True, slots=True)
class Damage:
    """`targets` finds what can be broken; `apply` breaks one in a copy and returns the place of the issue."""

    name: str
    situation: str
    targets: Callable[[Walk, Registry], Iterator[Any]]
    apply: Callable[[Tree, Any, Random, Registry], str]
    strict: bool = False


def enrich(resource: Tree) -> Tree:
    """Return the resource with a contained one and an extension of each rare type, still valid."""
    extensions = [
        {"url": f"https://example.org/{name}", "value" + name[0].upper() + name[1:]: PRIMITIVES[name]}
        for name in RARE
    ]
    # A CodeableConcept with a required binding is rare in the examples.
    status = {"coding": [{"system": _CLINICAL, "code": "active"}]}
    contained = [
        {"resourceType": "Basic", "id": "damage-1", "code": {"text": "x"}, "subject": {"reference": "#"}},
        {
            "resourceType": "Condition",
            "id": "damage-2",
            "clinicalStatus": status,
            "subject": {"reference": "Patient/1"},
            "onsetString": "x",
        },
    ]
    return resource | {
        "extension": [*resource.get("extension", ()), *extensions],
        "contained": [*resource.get("contained", ()), *contained],
    }
