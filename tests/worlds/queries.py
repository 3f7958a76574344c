"""Queries of each type: for searches, and as criteria of writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from tests.worlds.asking import Call, Room
from tests.worlds.items import CODES, LABELS, LOINC

COMMON: Final = (
    "", "_count=1", "_count=2", "_count=3&_total=accurate", "_summary=count", "_count=0", "_summary=true", "_summary=text",
    "_elements=id", "_sort=_lastUpdated", "_sort=-_lastUpdated&_count=2", "_lastUpdated=ge2026-11-22", "_total=none",
    "_count=1&_total=accurate&_sort=-_lastUpdated", "_lastUpdated=lt2026-11-22T08:02:00Z", "_tag=urn:tag|v2", "_tag=v2",
    "_tag:not=v2", "_profile:missing=true", "_tag:missing=true&_count=2",
)  # fmt: skip
OWN: Final[Mapping[str, Sequence[str]]] = {
    "Observation": (
        f"code={LOINC}|{CODES[0]}", f"code={CODES[1]}", f"code:not={CODES[0]}", "status=final", "status:not=final",
        "date=ge2026-01-01", "date=2026", "date:missing=true", "_sort=date", "_sort=-date&_count=1", "category=laboratory",
        "value-quantity=gt31", "value-quantity=33||Cel", "subject:missing=false", "focus={name}", "derived-from={name}",
        "derived-from:missing=false", "combo-code=2339-0", "code-value-quantity=8310-5$gt30", "status=final,amended",
    ),
    "DocumentReference": (
        "type=11502-2", f"type={LOINC}|68599-0", "status=current", "date=ge2026-03-01", "_sort=-date", "related={name}",
        "contenttype=application/pdf", "security-label=MASQUE_PS", "security-label:missing=true", "description=report",
    ),
    "Condition": ("clinical-status=active", "code=38341003", "onset-date=ge2026-01-01", "code:not=38341003"),
    "Encounter": ("status=finished", "class=AMB", "date=2026-01-05", "_sort=date"),
    "List": ("title=folder", "item={name}", "status=current", "item:missing=false"),
    "Composition": ("entry={name}", "type=11502-2", "title=letter", "date=2026-01-05"),
    "Provenance": ("target={name}", "recorded=ge2026-01-01"),
    "DiagnosticReport": ("result={name}", "code=8310-5", "status=final"),
    "MedicationRequest": ("status=active", "code=N02BE01", "intent=order"),
    "Consent": ("status=active", "category=block", "scope=patient-privacy"),
}  # fmt: skip
WITH_PERSON: Final = {"Binary": None, "Patient": "_id", "Consent": "patient", "Provenance": "patient"}


def criteria(room: Room, call: Call, *, named: bool = True) -> tuple[str, str]:
    """Return a type and a query; `named`: with the person in it."""
    resource_type = room.type(call.target)
    own = OWN.get(resource_type, ("",))
    parts = [
        own[call.n % len(own)].replace("{name}", room.name(call.other)),
        COMMON[call.n // 16 % len(COMMON)],
    ]
    match call.n % 5:
        case 0:
            parts.pop(0)
        case 1 | 2:
            parts.pop()
        case 3 if call.n % 2:
            parts = [f"_id={room.name(call.other).partition('/')[2]}"]
    if call.n % 11 == 0:
        parts.append(f"_security={LABELS['mask']['code']}")
    parameter = WITH_PERSON.get(resource_type, "patient")
    if named and parameter is not None:
        parts.insert(0, f"{parameter}={room.person}")
    return resource_type, quote("&".join(part for part in parts if part), safe="=&|:,$/.-_")


def clause(room: Room, call: Call) -> tuple[str, str]:
    """Return a type and criteria that select something, as a write needs them."""
    resource_type = room.type(call.target)
    own = [one for one in OWN.get(resource_type, ()) if ":" not in one and not one.startswith("_")]
    if not own or call.n % 4 == 0:
        id = room.name(call.target).partition("/")[2]
        return resource_type, f"patient={room.person}&_id={id}"
    text = own[call.n % len(own)].replace("{name}", room.name(call.other))
    return resource_type, quote(f"patient={room.person}&{text}", safe="=&|:,$/.-_")
