"""An entry of the access log, as plain facts; the AuditEvent is rendered from it when it is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fhir_server.model.actor import Actor
from fhir_server.model.view import ActorRef

BY_ADDRESS: Final = "by-address"
"""Label of an entry that shows nothing, of a request that named the id of a resource and no person: whoever
made it is not told by it that such a resource is there."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One answer and (at most) one person.

    `interaction` is a code of http://hl7.org/fhir/restful-interaction or an operation's `$name`.
    `entities` are `Type/id/_history/version` (shown or written), never content.
    """

    id: str
    at: datetime
    request_id: str
    actor: ActorRef
    purpose: str
    interaction: str
    status: int
    owner: str | None = None
    entities: tuple[str, ...] = ()
    query: str | None = None
    """Digest of the search criteria, hexadecimal; the criteria themselves can hold personal data."""
    agent: Actor | None = None
    """Who it was in full; None where nothing is governed."""
    rule: str = ""
    """The rule of the policy that allowed or refused it."""
    mode: str = "normal"
    situation: str | None = None
    """Why it was refused: a key of `model.outcome.SITUATIONS`; None for what was answered."""
    labels: tuple[str, ...] = ()
    """Labels of what it is about (`withheld-from-representatives`): who may not read this entry."""
    request: str | None = None
    """What was asked, `GET Type?parameters`, for the person and auditors; never in an application log."""
    notices: tuple[Notice, ...] = ()
    """Who is to be told of the access itself; written together with the entry, no part of it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that somebody is to be told, left in the outbox by the commit that caused it."""

    id: str
    at: datetime
    kind: str
    """`deposit`, `change`, `deletion`, `access`, `emergency`, `attempt`, `choice`."""
    owner: str | None
    entities: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ("person",)
    """Roles of the policy: `person`, `treating-doctor`, `representative`."""
    actor: ActorRef | None = None
    labels: tuple[str, ...] = ()
    """Labels of what it is about: whoever may not see those is not told."""
    opens: datetime | None = None
    """Not to be told before this instant: what it is about opens to the recipients by then."""
    once: bool = False
    """Whether `id` says what is told: whoever was told under it is not told again."""
