"""What a suite is made of: cases, their steps, and what the answer to a step must be like.

Texts in `send`, `headers`, bodies and expected values are templates; see `conformance.templates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from conformance.paths import Path

Level = Literal["SHALL", "SHOULD", "MAY"]
LEVELS: tuple[Level, ...] = ("SHALL", "SHOULD", "MAY")


@dataclass(frozen=True, slots=True)
class JsonCheck:
    """What the values at a path must be like; `kind` is a key of `json_checks.KINDS`."""

    path: Path
    kind: str
    expected: Any


@dataclass(frozen=True, slots=True)
class XmlCheck:
    """What the nodes of an XPath must be like; `f:` is FHIR, `h:` is XHTML."""

    xpath: str
    kind: str
    expected: Any


@dataclass(frozen=True, slots=True)
class OutcomeCheck:
    """An OperationOutcome with an issue that has one of `codes` and an expression like `expression`.

    No codes: any.  `expression` is a regular expression that is searched for; None: any or none.
    """

    codes: tuple[str, ...] = ()
    expression: str | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one answer must be like; empty parts ask for nothing."""

    status: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    """Name → regular expression that is searched for in the value; a header that is missing fails."""
    no_headers: tuple[str, ...] = ()
    media: str | None = None
    empty: bool | None = None
    text: str | None = None
    json: tuple[JsonCheck, ...] = ()
    xml: tuple[XmlCheck, ...] = ()
    outcome: OutcomeCheck | None = None
    tally: Mapping[str, int] = field(default_factory=dict)
    """Of a step that is sent several times at once: status → how many answers."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request (or several of the same at once) and what is expected of its answer."""

    method: str
    url: str
    expect: Expectation
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside the defaults; an empty value removes a default."""
    body: str | None = None
    """The name of a resource of the suite."""
    raw: str | None = None
    """The body itself."""
    save: str | None = None
    """The name under which later steps find the answer."""
    walk: int | None = None
    """Follow `next` links over at most so many pages, and answer one Bundle with the entries of all."""
    times: int = 1
    """How many of this request are sent at once."""
    poll: int = 0
    """How often the request is sent again while the answer is 202."""
    declared: str | None = None
    """Send the request for each row of that kind, a key of `conformance.declared.ROWS`."""


@dataclass(frozen=True, slots=True)
class Case:
    """One behaviour, from its requirement in the specification to the requests that show it.

    `setup` makes what the steps need; where it fails, the case fails.  `needs` are features of
    `conformance.capability`: a server that does not declare one skips the case.
    """

    id: str
    title: str
    level: Level
    spec: str
    needs: tuple[str, ...]
    setup: tuple[Step, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of one chapter; `resources` are templates of bodies by name."""

    name: str
    title: str
    resources: Mapping[str, str]
    cases: tuple[Case, ...]
