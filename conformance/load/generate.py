"""Transaction Bundles of our own making: one person, encounters and vital signs over the years.

The same seed makes the same bytes.  All people are invented.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from random import Random

from conformance.load.bundle import ENTRIES, Bundle, Resource

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
OWN = "https://conformance.example.org"

VITAL_SIGNS: tuple[tuple[str, str, str, str, float, float], ...] = (
    ("8302-2", "Body height", "cm", "cm", 150.0, 195.0),
    ("29463-7", "Body weight", "kg", "kg", 45.0, 110.0),
    ("8867-4", "Heart rate", "/min", "/min", 52.0, 110.0),
    ("9279-1", "Respiratory rate", "/min", "/min", 10.0, 22.0),
    ("8310-5", "Body temperature", "Cel", "Cel", 36.0, 39.4),
    ("2708-6", "Oxygen saturation in Arterial blood", "%", "%", 92.0, 100.0),
    ("8480-6", "Systolic blood pressure", "mm[Hg]", "mm[Hg]", 98.0, 165.0),
    ("8462-4", "Diastolic blood pressure", "mm[Hg]", "mm[Hg]", 58.0, 98.0),
)
"""LOINC code, display, unit text, UCUM code, lowest and highest value."""
ENCOUNTERS = 19
FAMILY = ("Martin", "Bernard", "Petit", "Durand", "Leroy", "Moreau", "Laurent", "Girard", "Núñez", "Šimek")
GIVEN = ("Camille", "Louise", "Jules", "Adèle", "Hugo", "Inès", "Malo", "Noé", "Zoë", "Yann")


def generate(count: int, seed: int = 1, entries: int = ENTRIES) -> list[Bundle]:
    """Return `count` Bundles, each one Patient, 19 Encounters and the rest Observations."""
    random = Random(seed)
    return [_bundle(random, entries) for _ in range(count)]


def _bundle(random: Random, entries: int) -> Bundle:
    start = datetime(random.randint(2004, 2014), 1, 5, 8, tzinfo=UTC)
    person = _entry(random, _patient(random))
    found = [person]
    visits: list[tuple[Resource, datetime]] = []
    for number in range(ENCOUNTERS):
        at = start + timedelta(days=190 * number + random.randint(0, 90), minutes=random.randint(0, 540))
        visits.append((_entry(random, _encounter(person["fullUrl"], at)), at))
        found.append(visits[-1][0])
    for number in range(entries - len(found)):
        visit, at = visits[number % ENCOUNTERS]
        sign = VITAL_SIGNS[(number // ENCOUNTERS) % len(VITAL_SIGNS)]
        moment = at + timedelta(minutes=number // ENCOUNTERS)
        found.append(_entry(random, _observation(random, person["fullUrl"], visit["fullUrl"], sign, moment)))
    return Bundle(tuple(found))


def _entry(random: Random, resource: Resource) -> Resource:
    url = f"urn:uuid:{uuid.UUID(int=random.getrandbits(128), version=4)}"
    return {
        "fullUrl": url,
        "resource": resource,
        "request": {"method": "POST", "url": resource["resourceType"]},
    }


def _patient(random: Random) -> Resource:
    born = datetime(random.randint(1930, 2003), random.randint(1, 12), random.randint(1, 28), tzinfo=UTC)
    return {
        "resourceType": "Patient",
        "identifier": [{"system": f"{OWN}/person", "value": f"{random.getrandbits(64):016x}"}],
        "active": True,
        "name": [{"use": "official", "family": random.choice(FAMILY), "given": [random.choice(GIVEN)]}],
        "gender": random.choice(("female", "male")),
        "birthDate": f"{born:%Y-%m-%d}",
    }


def _encounter(person: str, at: datetime) -> Resource:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": ACT_CODE, "code": "AMB", "display": "ambulatory"},
        "subject": {"reference": person},
        "period": {"start": at.isoformat(), "end": (at + timedelta(minutes=25)).isoformat()},
    }


def _observation(
    random: Random,
    person: str,
    visit: str,
    sign: tuple[str, str, str, str, float, float],
    moment: datetime,
) -> Resource:
    code, display, unit, ucum, low, high = sign
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            {"coding": [{"system": CATEGORY, "code": "vital-signs", "display": "Vital Signs"}]},
        ],
        "code": {"coding": [{"system": LOINC, "code": code, "display": display}], "text": display},
        "subject": {"reference": person},
        "encounter": {"reference": visit},
        "effectiveDateTime": moment.isoformat(),
        "issued": moment.isoformat(timespec="milliseconds"),
        "valueQuantity": {
            "value": round(random.uniform(low, high), 1),
            "unit": unit,
            "system": UCUM,
            "code": ucum,
        },
    }
