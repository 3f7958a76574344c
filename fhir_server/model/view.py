"""The View: what one actor may see and write in one request, decided before anything is read.

Only `access.decide` and the factory `View.unrestricted` make one; a test walks the syntax trees for others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fhir_server.model.predicate import Everything, Nothing, Predicate

_NOTHING = Nothing()


@dataclass(frozen=True, slots=True)
class ActorRef:
    """Who asks: a kind (`open`, `person`, `professional` …) and an identity within it."""

    kind: str
    identity: str


class _EveryType(Mapping[str, Predicate]):
    """Everything, for whatever type is asked."""

    __slots__ = ()

    def __getitem__(self, resource_type: str) -> Predicate:
        return Everything()

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class View:
    """`owner` is the one person the request is about; None only where the policy names a population role.

    A type that `by_type` (reading) or `write` does not name allows nothing.  `digest` binds cursors and
    caches to exactly this View.
    """

    actor: ActorRef
    purpose: str
    """A code of http://terminology.hl7.org/CodeSystem/v3-ActReason (PurposeOfUse)."""
    owner: str | None
    by_type: Mapping[str, Predicate]
    write: Mapping[str, Predicate]
    digest: bytes
    """Of the actor, the purpose, the owner and the policy; never of choices: a cursor must not tell them."""
    rule: str = ""
    """The rule of the policy that decided."""
    directory: frozenset[str] = frozenset()
    """Types that are of no person: what is read of them has no owner."""
    operations: frozenset[str] | None = None
    """The `$operations` that may be called; None: all."""
    tells: tuple[str, ...] = ()
    """Who is told that this access took place: recipients of the policy (`person`, `treating-doctor`)."""
    mode: str = "normal"
    """`normal` or the emergency mode of the policy in which the access takes place."""
    update_create: bool = False
    """Whether a PUT to an unknown id may create."""
    given: tuple[str, ...] = ()
    """Labels that everything new gets beside its own: the person hides what is to come."""

    @classmethod
    def nothing(cls, actor: ActorRef, purpose: str, rule: str = "") -> View:
        """Return the View that sees and writes nothing: what it is asked for is as if it were not there."""
        digest = hashlib.sha256(f"nothing|{actor.kind}|{actor.identity}|{purpose}".encode()).digest()
        return cls(actor, purpose, None, {}, {}, digest, rule)

    @classmethod
    def unrestricted(cls, reason: str) -> View:
        """Return the View of `--open` and of internal jobs; `reason` says which, for the access log."""
        everything = _EveryType()
        return cls(
            actor=ActorRef(kind=reason, identity=reason),
            purpose="TREAT" if reason == "open" else "SYSADMIN",
            owner=None,
            by_type=everything,
            write=everything,
            digest=hashlib.sha256(f"unrestricted|{reason}".encode()).digest(),
            update_create=True,
        )

    def owner_for(self, resource_type: str) -> str | None:
        """Return the owner that everything of a type in this View has; None where there is no single one."""
        return None if resource_type in self.directory else self.owner

    def reads(self, resource_type: str) -> Predicate:
        """Return what may be read of a type."""
        return _get(self.by_type, resource_type)

    def writes(self, resource_type: str) -> Predicate:
        """Return what may be written of a type, before- and after-image alike."""
        return _get(self.write, resource_type)


def _get(predicates: Mapping[str, Predicate], resource_type: str) -> Predicate:
    try:
        return predicates[resource_type]
    except KeyError:
        return _NOTHING
