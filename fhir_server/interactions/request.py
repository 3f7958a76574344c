"""What an interaction is asked and what it answers, free of HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from msgspec import Struct

from fhir_server.interactions.patching.patches import Patch
from fhir_server.model.actor import OPEN, Actor
from fhir_server.model.outcome import Issue
from fhir_server.model.view import View
from fhir_server.search.compartments import Compartment

Pairs = tuple[tuple[str, str], ...]
Return = Literal["minimal", "representation", "OperationOutcome"]

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditional headers, or the members of `Bundle.entry.request` of the same names, as they were sent."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_none_exist: str | None = None


@dataclass(frozen=True, slots=True)
class Prefer:
    """What the client would like.  `answer=None`: the interaction's own default.

    Spec: https://hl7.org/fhir/R4/http.html#ops
    """

    answer: Return | None = None
    strict: bool = False
    """`handling=strict`: an unknown search parameter is an error."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A client's promise that a repeat under `key` is the same request; `digest` proves it."""

    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something refused about the record of `owner`: a line of the access log, never part of an answer."""

    owner: str | None
    """The person, where the server knows them."""
    rule: str = ""
    """The rule of the policy that refused."""
    by_address: bool = False
    """Whether the person was found by the id of a resource alone."""
    asked: str | None = None
    """What was asked, `GET Type?parameters`; None: what the whole request asks."""


@dataclass(frozen=True, slots=True)
class Met:
    """A record that an entry of a batch met by the id of a resource alone, without showing anything of it."""

    owner: str
    asked: str | None
    """What was asked, `GET Type/id`."""


@dataclass(frozen=True, slots=True)
class Request:
    """One interaction, addressed and decoded.  Parts of the address that it does not have are empty."""

    interaction: str
    view: View
    now: datetime
    """The instant at which the request counts as made, aware, UTC."""
    request_id: str
    resource_type: str = ""
    id: str = ""
    version_id: str = ""
    query: Pairs = ()
    """Search parameters in order, percent-decoded; those of a posted form follow those of the URL."""
    body: Any = None
    """The exact JSON tree, None where none was sent."""
    patch: Patch | None = None
    """What a PATCH asks, whatever it was described in."""
    conditions: Conditions = field(default_factory=Conditions)
    prefer: Prefer = field(default_factory=Prefer)
    idempotency: Idempotency | None = None
    actor: Actor = OPEN
    """Who asks."""
    purpose: str = ""
    """What for, as the token says: a code of v3-ActReason; empty where nothing is governed."""
    attempt: Attempt | None = None
    """What the gate refused of it: the request goes on with a View of nothing, as if nothing were there."""
    by_address: bool = False
    """Whether the person was found by the id of a resource alone: who asks may not know that it is there."""
    findings: tuple[Issue, ...] = ()
    """What validation found about its resource that does not stand in its way."""
    compartment: Compartment | None = None
    """Where the search of a compartment takes place; `resource_type` is that of members, empty for all."""


class Shown(Struct, frozen=True):
    """One version that an answer showed or wrote: `Type/id/_history/version` of the record of `owner`."""

    owner: str | None
    entity: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered.  `body` is exact JSON text, empty where there is none."""

    status: int
    body: bytes = b""
    version: int | None = None
    """The version that the answer is about: becomes the ETag."""
    modified: datetime | None = None
    location: str | None = None
    """`Type/id/_history/version` of what was created or updated, relative to the base."""
    is_outcome: bool = False
    """Whether `body` is an OperationOutcome."""
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS)
    shown: tuple[Shown, ...] = ()
    audited: bool = False
    """Whether the audit entries of this answer were part of its commit."""
    interaction: str | None = None
    """The interaction that was carried out, where the address alone does not tell."""
    query: str | None = None
    """Digest of the search criteria, hexadecimal."""
    attempts: tuple[Attempt, ...] = ()
    """What was refused of it, entry by entry."""
    persons: tuple[str, ...] = ()
    """Whose records its entries were about, also where nothing of them was shown."""
    met: tuple[Met, ...] = ()
    """Whose records its entries met by the id of a resource alone, without anything being shown."""
