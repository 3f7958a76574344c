"""Who asks: what a token, proven before, says of the one that is behind a request."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.model.view import ActorRef


@dataclass(frozen=True, slots=True)
class Actor:
    """One actor.  Identifiers are spelled `system|value`; what is not known is None or empty.

    `kind` is a role of the policy: `person`, `representative`, `caregiver`, `professional`,
    `establishment`, `gateway`, `app`, `operator`, `support`, `auditor`; `open` where nothing is governed.
    """

    kind: str
    identity: str
    """The identifier of the person or system; the logical id of the own Patient for `person`."""
    name: str = ""
    profession: str | None = None
    specialty: str | None = None
    situation: str | None = None
    """The exercise in which a professional acts, where there are several."""
    structure: str | None = None
    """The structure for which the actor works in this request."""
    structure_name: str = ""
    parents: tuple[str, ...] = ()
    """The structures that the structure is part of, nearest first."""
    country: str | None = None
    """ISO 3166-1 alpha-2, of a gateway."""
    client: str | None = None
    """The software or third-party service."""
    reason: str | None = None
    """Why, in the actor's words, where the purpose needs it; never logged."""
    session: str = ""
    """The token (`jti`): what was consented to for one consultation holds for this session only."""
    secret: bool = False
    """A connection that is to stay unknown to the legal representatives."""
    record: str | None = None
    """The only Patient that the token was made for, where it was made for one."""

    @property
    def ref(self) -> ActorRef:
        """Return the actor as a View names it."""
        return ActorRef(self.kind, self.identity)

    @property
    def names(self) -> tuple[str, ...]:
        """Return all identifiers by which a choice can mean this actor: own, structure, those above it."""
        own = (self.identity, *((self.structure,) if self.structure else ()))
        return (*own, *self.parents)


OPEN = Actor("open", "open")
"""The actor of every request of a server without access control."""
