"""A search parameter of one resource type, resolved: where its values stand and how they are spelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from fhir_server.fhirpath import Compiled
from fhir_server.search.source import Source
from terminology.ports import Concepts

OwnerRole = Literal["decides", "may", "never"]
"""What a reference parameter has to do with the owner: a person in it *is* the owner, may be, cannot be."""


@dataclass(frozen=True, slots=True)
class Codes:
    """What is known of the systems of a token parameter before any data is seen.

    `by_code` maps codes of required bindings to the systems they imply; `systems` are those that values of
    other elements can be spelled with (`""` for none); `open` says whether elements with a system of their
    own take part.
    """

    by_code: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    systems: tuple[str, ...] = ("",)
    open: bool = True

    def systems_of(self, code: str) -> tuple[str, ...]:
        """Return the systems that `code` can be spelled with, as far as they are known beforehand."""
        implied = self.by_code.get(code, ())
        further = tuple(system for system in self.systems if system not in implied)
        return implied + further if implied or further or self.open else ("",)


@dataclass(frozen=True, slots=True)
class Parameter:
    """`names` are the spellings under which its facts are written: its own code, or those that it repeats.

    `restrict` limits a reference to one target type (`patient` is `subject` restricted to Patient).
    """

    resource_type: str
    code: str
    type: str
    names: tuple[str, ...]
    sources: tuple[Source, ...] = ()
    restrict: str | None = None
    targets: tuple[str, ...] = ()
    residual: bool = False
    """Whether its tokens go to `search.residual`, which has no index."""
    codes: Codes = Codes()
    sorts: bool = False
    """Whether it is the date parameter that orders its type."""
    owner: OwnerRole = "never"
    owner_elsewhere: bool = False
    """For `decides`: whether the owner can come from another parameter, so that the marker counts."""
    computed: Compiled | None = None
    """What of its expression is no path, for the FHIRPath engine."""
    parts: tuple[Parameter, ...] = ()
    """The components of a composite; their sources begin at its own."""
    from_resource: bool = False
    """Of a component: whether its sources begin at the resource instead."""

    @property
    def canonical(self) -> bool:
        """Whether facts are written under its own code."""
        return self.names == (self.code,)

    @property
    def single(self) -> bool:
        """Whether a resource has one value of it at most."""
        elements = {source.element for source in self.sources}
        return len(elements) == 1 and all(source.single for source in self.sources)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where this server stands: its base URL without a final `/`, and the zone of dates that have none.

    `words` says whether the words of resources are kept for `_text` and `_content`.
    """

    base_url: str
    zone: tzinfo = UTC
    words: bool = True


@dataclass(frozen=True, slots=True)
class Reading(Setting):
    """What the values of a query are read against."""

    now: Callable[[], datetime] = field(kw_only=True)
    """The instant that the request counts as made at; asked for where a value is relative to it."""
    concepts: Concepts | None = field(default=None, kw_only=True)
    """What value sets and hierarchies hold; None: nothing is known of them."""
    parameter: Callable[[str, str], Parameter | None] | None = field(default=None, kw_only=True)
    """(resource type, code) → the parameter, for values that name others; None: they cannot."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One parameter of a query: any of `values`, in the form that its type gave them."""

    parameter: Parameter
    modifier: str | None
    values: tuple[Any, ...]
