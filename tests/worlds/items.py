"""What records hold in the two worlds: one builder for each kind of item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tests.worlds.cast import CHOICE, MASK, PARENTS, PERSON, SECRECY
from tests.worlds.letters import stored_as

LOINC: Final = "http://loinc.org"
VISIBILITY: Final = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
)
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
LABELS: Final = MappingProxyType(
    {
        MASK: {"system": VISIBILITY, "code": "MASQUE_PS"},
        PERSON: {"system": VISIBILITY, "code": "INVISIBLE_PATIENT"},
        PARENTS: {"system": VISIBILITY, "code": "INVISIBLE_REPRESENTANTS_LEGAUX"},
        SECRECY: {"system": CONFIDENTIALITY, "code": "V"},
    }
)

Resource = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One item of a record.  `name` ends its id; `variant` is what else it says.

    `mark` is why it is hidden from the part, empty where it is not.  `sources` are `name`s of items that it
    was made from, `mentions` of those that it merely refers to.  `tick` is when it was deposited.
    """

    kind: str
    name: str
    variant: int = 0
    tick: int = 0
    mark: str = ""
    own: bool = False
    versions: int = 1
    deleted: bool = False
    sources: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()

    @property
    def resource_type(self) -> str:
        """Its FHIR type."""
        return TYPES[self.kind]


@dataclass(frozen=True)
class Place:
    """Where items are: the person, and the addresses of the items that they refer to, by name."""

    person: str
    canonical_base: str
    addresses: Mapping[str, str]

    def refer(self, name: str) -> Resource:
        """Return a reference to an item."""
        return {"reference": self.addresses[name]}


CODES: Final = ("8310-5", "2339-0", "718-7")
DATES: Final = ("2026-01-05", "2026-02-10T08:30:00Z", "2026-03", "2026-04-01T00:00:00+02:00", "2025")
PERFORMERS: Final = ("Practitioner/w-one", "Practitioner/w-two", "Practitioner/w-three")
"""Of the directory: in both worlds from the beginning."""
STATUSES: Final = ("final", "amended", "preliminary")


def build(item: Item, place: Place, version: int) -> Resource:
    """Return the resource of one version of an item, without id; labels stand in the last version only."""
    resource = BUILDERS[item.kind](item, place)
    last = version == item.versions
    if version > 1:
        resource.setdefault("meta", {})["tag"] = [{"system": "urn:tag", "code": f"v{version}"}]
    label = LABELS.get(item.mark)
    if label is not None and last:
        if item.resource_type == "DocumentReference":
            resource["securityLabel"] = [{"coding": [label]}]
        else:
            resource.setdefault("meta", {})["security"] = [label]
    return resource


def concept(code: str, system: str = LOINC) -> Resource:
    """Return a CodeableConcept."""
    return {"coding": [{"system": system, "code": code}]}


def _subject(place: Place) -> Resource:
    return {"reference": f"Patient/{place.person}"}


def _observation(item: Item, place: Place) -> Resource:
    made: Resource = {
        "resourceType": "Observation", "status": STATUSES[item.variant % 3],
        "category": [concept("laboratory", "http://terminology.hl7.org/CodeSystem/observation-category")],
        "code": concept(CODES[item.variant % 3]), "subject": _subject(place),
        "effectiveDateTime": DATES[item.variant % 5],
        "valueQuantity": {"value": 30 + item.variant, "system": "http://unitsofmeasure.org", "code": "Cel"},
    }  # fmt: skip
    if item.sources:
        made["derivedFrom"] = [place.refer(name) for name in item.sources]
    if item.mentions:
        made["focus"] = [place.refer(name) for name in item.mentions]
    if item.variant % 4:
        made["performer"] = [{"reference": PERFORMERS[item.variant % 4 - 1]}]
    return made


def _told(item: Item, place: Place) -> Resource:
    """Return a result that repeats the name of what it was made from."""
    made = _observation(Item("observation", item.name, item.variant), place)
    made["focus"] = [{**place.refer(name), "display": "its name"} for name in item.sources]
    return made


def _document(code: str) -> Callable[[Item, Place], Resource]:
    def made(item: Item, place: Place) -> Resource:
        url = f"Binary/{place.person}-{item.name}b"
        document: Resource = {
            "resourceType": "DocumentReference", "status": "current", "type": concept(code), "subject": _subject(place),
            "date": f"2026-0{1 + item.variant % 8}-01T08:00:00Z", "description": f"Report {item.variant}",
        }  # fmt: skip
        document |= stored_as(place.person, item.variant)
        document["content"][0]["attachment"]["url"] = url
        if item.sources or item.mentions:
            related = [place.refer(name) for name in (*item.sources, *item.mentions)]
            document["context"] = {"related": related}
        return document

    return made


def _binary(item: Item, place: Place) -> Resource:
    """Return the content of a document: its name is that of the document and `b`."""
    of = item.sources[0] if item.sources else None
    context = place.refer(of) if of else _subject(place)
    return {
        "resourceType": "Binary", "contentType": "application/pdf", "securityContext": context,
        "data": "JVBERi0" + "ABCDEFGH"[item.variant % 8] * 4 + "=",
    }  # fmt: skip


def _condition(item: Item, place: Place) -> Resource:
    code = concept(("38341003", "73211009")[item.variant % 2], "http://snomed.info/sct")
    return {
        "resourceType": "Condition", "code": code, "subject": _subject(place),
        "clinicalStatus": concept("active", "http://terminology.hl7.org/CodeSystem/condition-clinical"),
        "onsetDateTime": DATES[item.variant % 5],
        **({"evidence": [{"detail": [{**place.refer(name), "display": "its name"} for name in item.sources]}]}
           if item.sources else {}),
    }  # fmt: skip


def _encounter(item: Item, place: Place) -> Resource:
    return {
        "resourceType": "Encounter", "status": ("finished", "in-progress")[item.variant % 2],
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": _subject(place), "period": {"start": "2026-01-05T08:00:00Z"},
        **({"hospitalization": {"origin": {**place.refer(item.sources[0]), "display": "its name"}}}
           if item.sources else {}),
    }  # fmt: skip


def _list(item: Item, place: Place) -> Resource:
    names = item.sources
    made: Resource = {
        "resourceType": "List", "status": "current", "mode": "working", "subject": _subject(place),
        "title": f"Folder {item.variant}",
    }  # fmt: skip
    if names:
        made["entry"] = [{"item": place.refer(name)} for name in names]
    return made


def _composition(item: Item, place: Place) -> Resource:
    section: Resource = {"title": "Results", "text": {
        "status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">see</div>',
    }}  # fmt: skip
    if item.sources:
        section["entry"] = [place.refer(name) for name in item.sources]
    return {
        "resourceType": "Composition", "status": "final", "type": concept("11502-2"), "subject": _subject(place),
        "date": "2026-01-05", "author": [{"display": "x"}], "title": "Letter", "section": [section],
    }  # fmt: skip


def _provenance(item: Item, place: Place) -> Resource:
    targets = [place.refer(name) for name in item.sources] or [_subject(place)]
    return {
        "resourceType": "Provenance", "target": targets, "recorded": "2026-01-05T08:00:00Z",
        "agent": [{"who": {"display": "x"}}],
    }  # fmt: skip


def _report(item: Item, place: Place) -> Resource:
    made: Resource = {
        "resourceType": "DiagnosticReport", "status": "final", "code": concept(CODES[item.variant % 3]),
        "subject": _subject(place), "effectiveDateTime": DATES[item.variant % 5],
    }  # fmt: skip
    if item.sources:
        made["result"] = [place.refer(name) for name in item.sources]
    return made


def _prescription(item: Item, place: Place) -> Resource:
    return {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": _subject(place),
        "medicationCodeableConcept": concept("N02BE01", "http://www.whocc.no/atc"),
        **({"supportingInformation": [{**place.refer(name), "display": "its name"} for name in item.sources]}
           if item.sources else {}),
    }  # fmt: skip


def _consent(item: Item, place: Place) -> Resource:
    """Return a Consent that mirrors a choice."""
    return {
        "resourceType": "Consent", "status": "active", "patient": _subject(place),
        "scope": concept("patient-privacy", "http://terminology.hl7.org/CodeSystem/consentscope"),
        "category": [concept("block", f"{place.canonical_base}/CodeSystem/choice")],
        "policy": [{"uri": "urn:policy"}], "dateTime": "2026-01-05", "provision": {"type": "deny"},
    }  # fmt: skip


BUILDERS: Final[Mapping[str, Callable[[Item, Place], Resource]]] = {
    "observation": _observation, "told": _told, "document": _document("11502-2"),
    "synthesis": _document("60591-5"), "sensitive": _document("68599-0"), "binary": _binary,
    "sensitive-binary": _binary, "condition": _condition, "encounter": _encounter, "list": _list,
    "composition": _composition, "provenance": _provenance, "report": _report, "prescription": _prescription,
    "consent": _consent,
}  # fmt: skip
TYPES: Final[Mapping[str, str]] = {
    "observation": "Observation", "told": "Observation", "document": "DocumentReference",
    "synthesis": "DocumentReference", "sensitive": "DocumentReference", "binary": "Binary",
    "sensitive-binary": "Binary", "condition": "Condition", "encounter": "Encounter", "list": "List",
    "composition": "Composition", "provenance": "Provenance", "report": "DiagnosticReport",
    "prescription": "MedicationRequest", "consent": "Consent",
}  # fmt: skip
PLAIN: Final = (
    "observation", "document", "condition", "encounter", "list", "composition", "provenance", "report",
    "synthesis", "prescription", "sensitive",
)  # fmt: skip
DERIVABLE: Final = ("observation", "told", "list", "composition", "provenance", "report")
"""Kinds that take labels from what they were made from."""
assert CHOICE not in LABELS  # a choice is told by its category
