"""Invented resources to train dictionaries with: any type, made from definitions alone, by a seed.

They look like what is stored in the ways that matter to compression: the names of elements in their order,
the URLs of code systems, codes and display terms of bound value sets, dates, references, units.  There is
nobody in them, and not all of them are valid.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Any, Final

from profiles.definitions import ElementDefinition, StructureDefinition
from profiles.registry import Registry

DEEPEST: Final = 5
COMMON: Final = frozenset({
    "category", "code", "subject", "patient", "encounter", "effective[x]", "issued", "onset[x]",
    "recorder", "recordedDate", "clinicalStatus", "verificationStatus", "period", "type", "class",
    "author", "date", "content", "coding", "display", "system", "unit", "start", "end", "attachment",
    "contentType", "birthDate", "gender", "requester", "authoredOn", "medication[x]", "intent",
    "performed[x]", "vaccineCode", "occurrence[x]", "section", "title", "item", "net", "total",
    "created", "use", "provider", "participant", "serviceProvider", "line", "city", "postalCode",
    "country", "given", "family", "low", "high", "url",
})  # fmt: skip
"""Elements that are nearly always there, beside those that have to be."""
FREQUENT: Final = frozenset({
    "identifier", "value[x]", "performer", "name", "telecom", "address", "text", "dosageInstruction",
    "result", "component", "referenceRange", "interpretation", "custodian", "insurance",
    "reasonReference", "reasonCode", "note", "abatement[x]", "conclusion", "data", "location",
    "asserter", "severity", "context",
})  # fmt: skip
_ENDS: Final = (".125Z", ".671Z", "Z", "+01:00", "+02:00", ".000+01:00", "-05:00")
RARE: Final = frozenset({"extension", "modifierExtension", "contained", "implicitRules", "id", "language"})

SYSTEMS: Final = (
    "http://loinc.org", "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://hl7.org/fhir/sid/cvx", "http://hl7.org/fhir/sid/icd-10", "http://www.whocc.no/atc",
    "http://terminology.hl7.org/CodeSystem/v3-ActCode", "urn:ietf:rfc:3986", "urn:oid:2.16.840.1.113883",
)  # fmt: skip
UNITS: Final = (
    ("mm[Hg]", "mm[Hg]"), ("cm", "cm"), ("kg", "kg"), ("kg/m2", "kg/m2"), ("/min", "/min"), ("Cel", "Cel"),
    ("%", "%"), ("mg/dL", "mg/dL"), ("mmol/L", "mmol/L"), ("g/dL", "g/dL"), ("10*3/uL", "10*3/uL"),
    ("{score}", "{score}"), ("mL/min/{1.73_m2}", "mL/min"), ("U/L", "U/L"), ("d", "days"),
)  # fmt: skip
WORDS: Final = (
    "blood", "pressure", "body", "weight", "serum", "plasma", "rate", "disorder", "finding", "procedure",
    "chronic", "oral", "tablet", "left", "right", "acute", "history", "of", "by", "with", "report",
    "document", "summary", "visit", "check", "test", "volume", "mass", "ratio", "total", "per", "vaccine",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Samples:
    """Makes resources of a type, each another one; the same seed makes the same."""

    registry: Registry
    random: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - nothing secret depends on it

    def resource(self, resource_type: str) -> dict[str, Any]:
        """Return one resource, its `id` and `meta` as the server writes them."""
        meta = {"versionId": "1", "lastUpdated": self._instant()}
        made = {"resourceType": resource_type, "id": self._id(), "meta": meta}
        structure = self.registry.structures[resource_type]
        if self.random.random() < 0.05:
            made["text"] = self._narrative(resource_type)
        content = self._content(structure, resource_type, 0)
        return {**made, **{name: value for name, value in content.items() if name not in made}}

    def _content(self, structure: StructureDefinition, path: str, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for element in _children(structure, path):
            if not self._wanted(element, depth):
                continue
            name, value = self._element(structure, element, depth)
            if value is not None:
                many = element.max is None or element.max > 1
                made[name] = [value] if many else value
        return made

    def _wanted(self, element: ElementDefinition, depth: int) -> bool:
        if element.min > 0:
            return True
        if element.name in RARE or element.max == 0 or depth >= DEEPEST:
            return False
        often = 0.9 if element.name in COMMON else 0.3 if element.name in FREQUENT else 0.02
        return self.random.random() < often

    def _element(
        self, structure: StructureDefinition, element: ElementDefinition, depth: int
    ) -> tuple[str, Any]:
        name = element.name.removesuffix("[x]")
        if element.content is not None:
            return name, self._content(structure, element.content, depth + 1) or None
        if not element.types:
            return name, None
        kind = element.types[self._early(len(element.types))]
        if element.is_choice:
            name += kind.code[0].upper() + kind.code[1:]
        if kind.code == "Reference":
            return name, self._reference(kind.targets)
        made = _SPECIAL.get(kind.code)
        if made is not None:
            return name, made(self, element)
        if any(_children(structure, element.path)):
            return name, self._content(structure, element.path, depth + 1) or None
        inner = self.registry.structures.get(kind.code)
        if inner is None or inner.kind != "complex-type":
            return name, None
        return name, self._content(inner, kind.code, depth + 1) or None

    def _reference(self, targets: tuple[str, ...]) -> dict[str, Any]:
        known = [target for target in targets if target in self.registry.resource_types]
        target = (
            "Patient" if "Patient" in known else (known or ["Organization"])[self._early(len(known) or 1)]
        )
        made = {"reference": f"{target}/{self._id()}"}
        return made if self.random.random() < 0.7 else made | {"display": self._text(2)}

    def _coding(self, element: ElementDefinition) -> dict[str, Any]:
        member = self._member(element)
        if member is not None:
            system, code, display = member
            return {"system": system, "code": code, **({"display": display} if display else {})}
        digits = str(self.random.randint(1000, 99_999_999))
        return {"system": SYSTEMS[self._early(len(SYSTEMS))], "code": digits, "display": self._text(4)}

    def _concept(self, element: ElementDefinition) -> dict[str, Any]:
        coding = self._coding(element)
        made: dict[str, Any] = {"coding": [coding]}
        if self.random.random() < 0.5:
            made["text"] = coding.get("display", self._text(3))
        return made

    def _code(self, element: ElementDefinition) -> str:
        member = self._member(element)
        return member[1] if member is not None else "text/plain"

    def _member(self, element: ElementDefinition) -> tuple[str, str, str] | None:
        bound = element.binding and self.registry.value_sets.get(element.binding.value_set)
        if not bound or not any(bound.systems.values()):
            return None
        system = self.random.choice(sorted(name for name, codes in bound.systems.items() if codes))
        codes = sorted(bound.systems[system])
        code = codes[self._early(len(codes))]
        return system, code, bound.systems[system][code]

    def _quantity(self, _element: ElementDefinition) -> dict[str, Any]:
        code, unit = self.random.choice(UNITS)
        value = round(self.random.uniform(0, 200), self.random.randint(0, 4))
        return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": code}

    def _early(self, count: int) -> int:
        """Return an index below `count`: the first ones are far more common."""
        return min(int(self.random.expovariate(0.7)), count - 1)

    def _id(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _date(self) -> str:
        number = self.random.randint
        return f"{number(1940, 2026)}-{number(1, 12):02d}-{number(1, 28):02d}"

    def _instant(self) -> str:
        number = self.random.randint
        time = f"{number(0, 23):02d}:{number(0, 59):02d}:{number(0, 59):02d}"
        return f"20{number(10, 29)}{self._date()[4:]}T{time}{self.random.choice(_ENDS)}"

    def _text(self, words: int) -> str:
        return " ".join(self.random.choice(WORDS) for _ in range(words)).capitalize()

    def _narrative(self, resource_type: str) -> dict[str, str]:
        div = f'<div xmlns="http://www.w3.org/1999/xhtml"><p><b>{resource_type}</b></p></div>'
        return {"status": "generated", "div": div}


_SPECIAL: Final[Mapping[str, Callable[[Samples, ElementDefinition], Any]]] = MappingProxyType({
    "boolean": lambda samples, _: samples.random.random() < 0.7,
    "integer": lambda samples, _: samples.random.randint(0, 500),
    "positiveInt": lambda samples, _: samples.random.randint(1, 20),
    "unsignedInt": lambda samples, _: samples.random.randint(0, 20),
    "decimal": lambda samples, _: round(samples.random.uniform(0, 500), 2),
    "string": lambda samples, _: samples._text(3),
    "markdown": lambda samples, _: samples._text(8),
    "date": lambda samples, _: samples._date(),
    "dateTime": lambda samples, _: samples._instant(),
    "instant": lambda samples, _: samples._instant(),
    "time": lambda samples, _: samples._instant()[11:19],
    "id": lambda samples, _: samples._id(),
    "uuid": lambda samples, _: f"urn:uuid:{samples._id()}",
    "uri": lambda samples, _: samples.random.choice(SYSTEMS),
    "url": lambda samples, _: f"Binary/{samples._id()}",
    "canonical": lambda _samples, _: "http://hl7.org/fhir/StructureDefinition/Resource",
    "base64Binary": lambda samples, _: samples.random.randbytes(12).hex(),
    "code": lambda samples, element: samples._code(element),
    "Coding": lambda samples, element: samples._coding(element),
    "CodeableConcept": lambda samples, element: samples._concept(element),
    "Quantity": lambda samples, element: samples._quantity(element),
    "Narrative": lambda samples, element: samples._narrative(element.path),
    "Resource": lambda _samples, _: None,
    "Extension": lambda _samples, _: None,
})  # fmt: skip
"""FHIR type → how a value of it is made; every other type is made of its elements."""


def _children(structure: StructureDefinition, path: str) -> Iterator[ElementDefinition]:
    for element in structure.elements:
        if element.path.rpartition(".")[0] == path:
            yield element
