"""The searches of `grow`: what EHR software asks about one person, and what is asked across persons.

Each row is a name and a template; `{person}`, `{code}`, `{encounter}`, `{value}`, `{year}` come from what was
posted.  To add a query: one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from conformance.load.seed import Planted

Mix = Mapping[str, str]

PERSON_MIX: Mix = {
    "newest of a code": "/Observation?patient={person}&code={code}&_sort=-date&_count=20",
    "newest of a category": "/Observation?patient={person}&category=vital-signs&_sort=-date&_count=20",
    "one year": "/Observation?patient={person}&date=ge{year}-01-01&date=lt{year}-12-31&_count=20",
    "code in a year": "/Observation?patient={person}&code={code}&date=ge{year}-01-01&_count=20",
    "of an encounter": "/Observation?patient={person}&encounter={encounter}&_count=20",
    "everything, newest": "/Observation?patient={person}&_count=20",
    "encounters": "/Encounter?patient={person}&_sort=-date&_count=20",
    "total of a code": "/Observation?patient={person}&code={code}&_summary=count",
}
POPULATION_MIX: Mix = {
    "by identifier": "/Patient?identifier={value}",
    "by chained identifier": "/Encounter?subject:Patient.identifier={value}&_count=20",
    "code and value": "/Observation?code={code}&value-quantity=gt194&_count=20",
    "of an encounter, any person": "/Observation?encounter={encounter}&_count=20",
    "newest of a code, any person": "/Observation?code={code}&_sort=-date&_count=20",
}
MIXES: Mapping[str, Mix] = {"person-mix": PERSON_MIX, "population-mix": POPULATION_MIX}


def paths(template: str, planted: Sequence[Planted], count: int, seed: int = 5) -> Iterator[str]:
    """Yield `count` queries of a template about persons, codes and encounters drawn from what was posted."""
    random = Random(seed)
    for _ in range(count):
        yield template.format_map(_values(random.choice(planted), random))


def _values(one: Planted, random: Random) -> dict[str, str]:
    by_type: dict[str, list[int]] = {}
    for index, (resource_type, _) in enumerate(one.places):
        by_type.setdefault(resource_type, []).append(index)
    observation = one.bundle.entries[random.choice(by_type["Observation"])]["resource"]
    coding = observation["code"]["coding"][0]
    patient = by_type["Patient"][0]
    identifier = one.bundle.entries[patient]["resource"]["identifier"][0]
    return {
        "person": one.places[patient][1],
        "code": f"{coding['system']}%7C{coding['code']}",
        "encounter": f"Encounter/{one.places[random.choice(by_type['Encounter'])][1]}",
        "value": f"{identifier['system']}%7C{identifier['value']}",
        "year": observation.get("effectiveDateTime", "2010")[:4],
    }
