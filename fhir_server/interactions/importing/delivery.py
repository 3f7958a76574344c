"""A document as it was delivered: its bytes, converted when that is first asked for, and once only."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from datetime import tzinfo
from functools import cached_property
from hashlib import sha1
from typing import Any, Final

from fhir_server.model.outcome import refuse
from importers.cda.convert import Options, convert
from importers.result import ImportResult, Unreadable

OFFICIAL: Final = "official"
DISUSED: Final = "old"


class Delivery:
    """`patient` are the references by which whoever delivers it names the person; often there is none."""

    def __init__(self, data: bytes, zone: tzinfo, base: str, patient: tuple[str, ...] = ()) -> None:
        self.data = data
        self.patient = patient
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
        """What identifies the person, (system, value): the official identifiers, if there are any, else all.

        Traits never identify anybody.
        """
        for entry in self.entries:
            if entry["fullUrl"] == self.subject:
                return identifying(entry["resource"].get("identifier", ()))
        return ()


def identifying(identifiers: Iterable[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return (system, value) of the identifiers that identify: official ones, if there are any, else all."""
    usable = [
        one for one in identifiers if one.get("system") and one.get("value") and one.get("use") != DISUSED
    ]
    official = [one for one in usable if one.get("use") == OFFICIAL]
    return tuple(dict.fromkeys((str(one["system"]), str(one["value"])) for one in official or usable))
