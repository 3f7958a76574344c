"""A document as it was delivered: its bytes, converted when that is first asked for, and once only."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import tzinfo
from functools import cached_property, partial
from hashlib import sha1
from typing import Any, Final

from fhir_server.interactions.context import Context
from fhir_server.model.outcome import refuse
from importers.cda.convert import Options, convert
from importers.result import ImportResult, Unreadable

OFFICIAL: Final = "official"
DISUSED: Final = "old"


class Delivery:
    """`patient` are the references by which whoever delivers it names the person; often there is none.

    `zone` is that of times in it without an offset, `base` the canonical base of what is ours.  `systems` are
    those of the identifiers that say who somebody is; without them it is what the document calls official.
    """

    def __init__(
        self,
        data: bytes,
        zone: tzinfo,
        base: str,
        patient: tuple[str, ...] = (),
        systems: Collection[str] = (),
    ) -> None:
        self.data = data
        self.patient = patient
        self._systems = systems
        self._options = Options(zone=zone, base=base)

    @cached_property
    def result(self) -> ImportResult:
        """The document as FHIR.  Raises FhirError `empty-body`, `unreadable-document`."""
        if not self.data:
            raise refuse("empty-body", "The request has no document.")
        try:
            return convert(self.data, self._options)
        except Unreadable as reason:
            place = f" ({reason.xpath})" if reason.xpath else ""
            raise refuse("unreadable-document", f"{reason.kind}: {reason.text}{place}") from None

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The entries of the result: the first is the DocumentReference, the second the original."""
        entries: list[dict[str, Any]] = self.result.bundle["entry"]
        return entries

    @property
    def document(self) -> dict[str, Any]:
        """The DocumentReference."""
        resource: dict[str, Any] = self.entries[0]["resource"]
        return resource

    @property
    def hash(self) -> str:
        """SHA-1 of the bytes as `Attachment.hash` has it."""
        return b64encode(sha1(self.data, usedforsecurity=False).digest()).decode("ascii")

    @property
    def subject(self) -> str | None:
        """The fullUrl of the Patient."""
        reference = self.document.get("subject") or {}
        found = reference.get("reference")
        return found if isinstance(found, str) else None

    @property
    def identifiers(self) -> tuple[tuple[str, str], ...]:
        """What identifies the person, (system, value): the identifiers that say who somebody is, if there are
        any, else all.

        Traits never identify anybody.
        """
        return identifying(self._given, self._systems)

    @property
    def others(self) -> tuple[tuple[str, str], ...]:
        """The identifiers of the person beside those that identify it, (system, value)."""
        known = set(self.identifiers)
        return tuple(pair for pair in _pairs(_usable(self._given)) if pair not in known)

    @cached_property
    def _given(self) -> Sequence[dict[str, Any]]:
        for one in self.entries:
            if one["fullUrl"] == self.subject:
                return tuple(one["resource"].get("identifier", ()))
        return ()


def delivering(context: Context) -> Callable[..., Delivery]:
    """Return what makes the deliveries of a server: called with the bytes and `patient`."""
    systems = frozenset[str]() if context.policy is None else context.policy.person_systems
    return partial(Delivery, zone=context.zone, base=context.canonical_base, systems=systems)


def identifying(
    identifiers: Iterable[dict[str, Any]], systems: Collection[str] = ()
) -> tuple[tuple[str, str], ...]:
    """Return (system, value) of the identifiers that identify: those of `systems`, without any the official
    ones; where there is none of these, all.
    """
    usable = _usable(identifiers)
    chosen = [one for one in usable if _chosen(one, systems)]
    return _pairs(chosen or usable)


def _chosen(identifier: Mapping[str, Any], systems: Collection[str]) -> bool:
    return identifier["system"] in systems if systems else identifier.get("use") == OFFICIAL


def _usable(identifiers: Iterable[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    return [
        one for one in identifiers if one.get("system") and one.get("value") and one.get("use") != DISUSED
    ]


def _pairs(identifiers: Iterable[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys((str(one["system"]), str(one["value"])) for one in identifiers))
