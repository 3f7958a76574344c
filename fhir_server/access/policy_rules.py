"""One rule of the ladder: whom it is about, and what it then lets be read, written and called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

RECORD: Final = "record"
"""The type set of everything that is of a person, whatever its type."""

ALL_CONFIDENTIALITIES: Final = frozenset({0, 1, 2, 3})

Effect = Literal["permit", "deny"]
Limit = Literal["none", "matrix", "granted"]
Writing = Literal["none", "own", "all"]
AuditReading = Literal["none", "own", "all"]

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Types:
    """A set of resource types: those named, or all that are of a person."""

    record: bool = False
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """The first rule of which every condition holds decides.  An empty condition holds for all.

    Conditions: `roles` to `off`.  Everything else says what a permission is made of.
    """

    name: str
    effect: Effect
    roles: frozenset[str]
    relations: frozenset[str] = frozenset()
    """At least one of these must hold."""
    without: frozenset[str] = frozenset()
    """None of these may hold."""
    modes: frozenset[str] = frozenset({"normal"})
    professions: frozenset[str] = frozenset()
    situations: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset({"open"})
    on: frozenset[str] = frozenset()
    """Switches of the person that must be on."""
    off: frozenset[str] = frozenset()
    population: bool = False
    """Whether it holds for requests that name no person; what it reads is then of anyone."""
    reads: Types = field(default_factory=Types)
    limit: Limit = "none"
    """By what the type classes are limited: the matrix, or what the person granted in this relation."""
    classes: frozenset[int] | None = None
    """The most that is read, as class numbers; None: all."""
    confidentialities: frozenset[int] = ALL_CONFIDENTIALITIES
    hides: frozenset[str] = frozenset()
    """Labels of what is not read, unless the actor deposited it."""
    lifted_by: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """Label in `hides` -> the switch of the person that lets it be read all the same."""
    withholds: frozenset[str] = frozenset()
    """Labels of what is not read, whoever deposited it."""
    opens: frozenset[str] = frozenset()
    """Labels in `withholds` that end at the instant of the document."""
    own: bool = False
    """Whether own deposits are read, whatever their class and the labels in `hides`."""
    writes: Types = field(default_factory=Types)
    writing: Writing = "none"
    audit: AuditReading = "none"
    operations: frozenset[str] = frozenset()
    tells: tuple[str, ...] = ()
    creates_by_update: bool = False
    """Whether an update may create, where the server allows it at all."""

    @property
    def consults_or_writes(self) -> bool:
        """Whether anything is read or written at all; if not, the rule is about operations alone."""
        return any((self.reads.record, self.reads.names, self.writes.record, self.writes.names))
