"""What definitions are compiled to: a shape for each object, a slot for each JSON key of it.

A shape answers twice.  `accepts` is the happy path: a closure that looks at every key once, builds no
paths and says only yes or no.  `explain` (in `explain.py`) reads the same slots again after a no, and says
where and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fhir_server.model.outcome import Issue

MAX_DEPTH = 64
"""Levels of JSON nesting; the root of a resource is level 1."""

Local: TypeAlias = Mapping[str, str]
"""The resources that `#id` can reach: id → resource type; the container itself is under the empty text."""

RESOURCE_TYPE = "resourceType"
"""The key, and the name of the Primitive that stands for it: it says what an object is, and has no twin."""

AcceptsNode: TypeAlias = Callable[[Any, Local, int], bool]
"""(value, what `#id` reaches, level of nesting) → whether it is right."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """A primitive type, perhaps narrowed by a required binding.

    `accepts` returns something true for a legal value; given another JSON type it may also raise
    TypeError.  `form` completes "must be …".  `situation` is what a value of the right JSON type, but of
    the wrong form, is refused with.  `fault` says more than `form` about one illegal text.
    """

    name: str
    kinds: tuple[type, ...]
    accepts: Callable[[Any], object]
    form: str
    situation: str = "illegal-value"
    fault: Callable[[str], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What an object must keep beyond its slots.

    Both are asked only once the object and all in it fit their slots, so they need not guard themselves.
    `faults` takes (object, its FHIRPath, what `#id` reaches); `holds` says without paths whether it would
    yield nothing.
    """

    holds: Callable[[dict[str, Any], Local], bool]
    faults: Callable[[dict[str, Any], str, Local], Iterator[Issue]]


def rule(faults: Callable[[dict[str, Any], str, Local], Iterator[Issue]]) -> Rule:
    """Return the rule that holds where `faults` yields nothing."""

    def holds(node: dict[str, Any], local: Local) -> bool:
        return next(faults(node, "", local), None) is None

    return Rule(holds, faults)


@dataclass(frozen=True, slots=True)
class Group:
    """Keys of which at most one may be present (exactly one if `required`): a choice, or a single element.

    `elements` are the FHIRPath names.  `bit` is a power of two, unique within the shape.
    """

    bit: int
    elements: tuple[str, ...]
    required: bool


# Not frozen: types refer to each other in circles (Extension to Reference to Extension), so that a shape
# must exist before what is in it.  Nothing changes once the compiler has published it.
@dataclass(slots=True, eq=False)
class Shape:
    """An object: a type (`HumanName`) or a backbone element by its path (`Patient.contact`)."""

    name: str
    slots: dict[str, Slot] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    rules: tuple[Rule, ...] = ()
    accepts: AcceptsNode = field(default=lambda _value, _local, _depth: False)


@dataclass(frozen=True, slots=True, eq=False)
class AnyResource:
    """A place for a whole resource of whatever type.

    `shape_of` returns the shape of a resource type, None if there is no such type.  `contained`: the
    resource shares the `#id` references of its container; elsewhere (Bundle.entry) it has its own.
    `rules` are those of the place, beside those of the type.
    """

    contained: bool
    shape_of: Callable[[str], Shape | None]
    rules: tuple[Rule, ...]
    accepts: AcceptsNode


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """One JSON key: `element` is its FHIRPath name (`value` for `valueQuantity`).

    `max=None` stands for `*`.  `many`: the key holds an array.  `bit` is that of its group, 0 for none.
    """

    key: str
    element: str
    holds: Primitive | Shape | AnyResource
    many: bool
    min: int
    max: int | None
    bit: int

    @property
    def has_twin(self) -> bool:
        """Whether `_key` may stand beside the key, for the id and extensions of a primitive."""
        return isinstance(self.holds, Primitive) and self.holds.name != RESOURCE_TYPE
