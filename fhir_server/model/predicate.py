"""What a View allows, as a small algebra over the facts of a stored document.

Pure values: `store.filters` compiles them into the query, so there is no reading first and filtering
later; `matches` is the same meaning in Python, for the before- and after-image of a write.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fhir_server.model.document import Facts


@dataclass(frozen=True, slots=True)
class Everything:
    """Holds for every document."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Holds for no document."""


@dataclass(frozen=True, slots=True)
class OwnerIs:
    """The document is part of this person's record (`None`: it is of no person, a directory)."""

    owner: str | None


@dataclass(frozen=True, slots=True)
class VisibilityIn:
    """`visibility` is one of these."""

    values: frozenset[int]


@dataclass(frozen=True, slots=True)
class LabelsExclude:
    """`access.labels` has none of these."""

    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class AuthorIn:
    """`access.author` has one of these: the depositor and the structure for which it was deposited."""

    authors: frozenset[str]


@dataclass(frozen=True, slots=True)
class OpensBy:
    """`access.from` is there and not later than this instant."""

    instant: datetime


@dataclass(frozen=True, slots=True)
class SourcesExclude:
    """`access.source` has none of these."""

    sources: frozenset[str]


@dataclass(frozen=True, slots=True)
class IdIn:
    """The logical id is one of these."""

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds; of no parts: everything."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds; of no parts: nothing."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Predicate


Predicate = (
    Everything | Nothing | OwnerIs | VisibilityIn | LabelsExclude | AuthorIn | OpensBy
    | SourcesExclude | IdIn | AllOf | AnyOf | Not
)  # fmt: skip


def matches(predicate: Predicate, facts: Facts) -> bool:
    """Return whether the predicate holds for a document of these facts."""
    match predicate:
        case Everything():
            return True
        case Nothing():
            return False
        case OwnerIs(owner):
            return facts.owner == owner
        case VisibilityIn(values):
            return facts.visibility in values
        case LabelsExclude(labels):
            return labels.isdisjoint(facts.access.labels)
        case AuthorIn(authors):
            return not authors.isdisjoint(facts.access.authors)
        case OpensBy(instant):
            return facts.access.from_ is not None and facts.access.from_ <= instant
        case SourcesExclude(sources):
            return sources.isdisjoint(facts.access.source)
        case IdIn(ids):
            return facts.id in ids
        case AllOf(parts):
            return _all(parts, facts)
        case AnyOf(parts):
            return any(matches(part, facts) for part in parts)
        case Not(part):
            return not matches(part, facts)


def _all(parts: Iterable[Predicate], facts: Facts) -> bool:
    return all(matches(part, facts) for part in parts)
