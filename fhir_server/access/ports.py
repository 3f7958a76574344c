"""What access decisions, audit and sealing need of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from fhir_server.access.batches import Proof
from fhir_server.model.audit import AuditEntry


class AuditSink(Protocol):
    """The access log of the answers that wrote nothing; writes carry their entries in the commit."""

    def append(self, entry: AuditEntry) -> object:
        """Queue the entry for the next group commit and return a ticket for `flush`."""
        ...

    def flush(self, ticket: object) -> None:
        """Wait until the entry is durable.  Raises FhirError `database-unavailable` if it cannot be."""
        ...


class Proofs(Protocol):
    """The tree over the access log."""

    def proof(self, id: str) -> Proof | None:
        """Return the proof that an entry is in the log, None if there is no such entry.

        Who may ask was decided before.  Raises NotInBatch.
        """
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """Where a resource is: `owner` None is the directory; `choices` are the owner's, None: none made."""

    owner: str | None
    choices: Mapping[str, Any] | None


class Choices(Protocol):
    """The compiled choices of each person, read from the primary at each request: nothing is cached.

    For access decisions only: these look-ups are the only ones without a View.
    """

    def of(self, owner: str) -> Mapping[str, Any] | None:
        """Return the current choices document of a person, None where nothing was ever chosen."""
        ...

    def of_resource(self, resource_type: str, id: str) -> Held | None:
        """Return whose record holds the resource, and their choices, in one round trip; None: absent."""
        ...

    def person_of(self, identifiers: Sequence[str]) -> Sequence[str]:
        """Return the ids (two at most) of the Patients with one of these identifiers, `system|value`."""
        ...


class Tokens(Protocol):
    """Tokens that were issued or revoked before they expire."""

    def is_revoked(self, token_id: str) -> bool:
        """Return whether the token of this `jti` was revoked."""
        ...

    def revoke(self, token_id: str, until: datetime) -> None:
        """Refuse the token from now on; the entry may be forgotten after `until`."""
        ...

    def spend(self, token_id: str, until: datetime) -> bool:
        """Return whether a token that is good for one use is used first now; durable, kept till `until`."""
        ...


class Keys(Protocol):
    """Data keys, one per person, wrapped in a vault."""

    def data_key(self, owner: str) -> bytes:
        """Return the 32-byte key of a person, made at first use.  Raises KeyError once destroyed."""
        ...

    def destroy(self, owner: str) -> None:
        """Make everything that was sealed for the person unreadable, for good."""
        ...
