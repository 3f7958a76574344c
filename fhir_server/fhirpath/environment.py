"""What an evaluation can ask of the world, and the state of one evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fhir_server.fhirpath.errors import FhirPathError, WorkLimitExceeded
from fhir_server.fhirpath.node import Items, Node
from fhir_server.fhirpath.types import TypeModel

DEFAULT_WORK_LIMIT = 1_000_000
"""Steps (elements visited, function calls) of one evaluation."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything outside of the resource; what is None cannot be asked, and asking it gives empty.

    `resolve(reference)` returns the resource that `Reference.reference` or a canonical names, or None.
    `target(node)`, if given, finds what a Reference, canonical or uri names from its place, instead of a look
    through the resource around it and `resolve`.
    `member_of(value, value_set)` takes the raw JSON of a code, Coding or CodeableConcept.
    `conforms_to(node, profile)` and `subsumes(general, special)` (raw Codings) answer None for "unknown".
    `element_definition(node)` is the raw ElementDefinition; `in_slice(node, profile, slice_name)` tells
    whether an element belongs to a slice.
    `variables` are `%name`s as raw JSON values, nodes or System values; `trace(name, nodes)` sees what
    `trace()` is given.  `now` is aware; without one `now()` and its like raise.
    """

    resolve: Callable[[str], Mapping[str, Any] | None] | None = None
    member_of: Callable[[Any, str], bool | None] | None = None
    conforms_to: Callable[[Node, str], bool | None] | None = None
    subsumes: Callable[[Mapping[str, Any], Mapping[str, Any]], bool | None] | None = None
    element_definition: Callable[[Node], Mapping[str, Any] | None] | None = None
    in_slice: Callable[[Node, str, str], bool | None] | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    now: datetime | None = None
    trace: Callable[[str, Items], None] | None = None
    work_limit: int = DEFAULT_WORK_LIMIT
    target: Callable[[Node], Node | None] | None = None


class Run:
    """One evaluation: its environment, types, root and the work that is left."""

    __slots__ = ("environment", "left", "model", "root")

    def __init__(self, environment: Environment, model: TypeModel, root: Node) -> None:
        self.environment = environment
        self.model = model
        self.root = root
        self.left = environment.work_limit

    def spend(self, steps: int) -> None:
        """Count work done.  Raises WorkLimitExceeded."""
        self.left -= steps
        if self.left < 0:
            raise WorkLimitExceeded(f"more than {self.environment.work_limit} steps were needed")

    def now(self) -> datetime:
        """Return the injected present.  Raises FhirPathError without one."""
        if self.environment.now is None:
            raise FhirPathError("the expression asks for the time, and none was given")
        return self.environment.now


class Scope:
    """What `$this`, `$index` and `$total` mean at one place; `focus` is `$this` as a collection."""

    __slots__ = ("focus", "index", "run", "total")

    def __init__(self, focus: Items, run: Run, index: int = -1, total: Items | None = None) -> None:
        self.focus = focus
        self.run = run
        self.index = index
        self.total = total


Evaluator = Callable[[Scope], Items]
"""A compiled expression."""
