"""Positions, full text, `_filter` and composites of three parts: the database finds what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from fhir_server.model.document import Document, Facts
from fhir_server.model.ids import seq_of
from fhir_server.model.number import number
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View
from fhir_server.search.planner import plan
from profiles.registry import Registry
from tests.search.evaluate import ids_of
from tests.search.resources import patient
from tests.search.shelf import NOW, Shelf

if TYPE_CHECKING:
    from fhir_server.store.open import Store

OPEN = View.unrestricted("open")
QUERIES = (
    "Location?near=48.8|2.3|100|km", "Location?near=48.8|2.3|1000|km", "Location?near=-17|179.5|900|km",
    "Location?near=45|45|1|m", "Location?near=90|0|700|km", "Location?near=0|0|20000|km", "Location?near:missing=true",
    "Location?near=48.8|2.3|1000|km,-17|179.5|900|km",
    "MolecularSequence?chromosome-window-coordinate=1$5$9", "MolecularSequence?chromosome-window-coordinate=1$ge4$le9",
    "MolecularSequence?chromosome-window-coordinate=urn:c|2$5$5", "MolecularSequence?chromosome-variant-coordinate=1$1$20",
    "MolecularSequence?chromosome-variant-coordinate=1$1$2", "MolecularSequence?chromosome-variant-coordinate=1$gt1$le20",
    "MolecularSequence?referenceseqid-variant-coordinate=NC$ne1$20", "MolecularSequence?chromosome-variant-coordinate=1$lt2$gt1",
    "MolecularSequence?chromosome-window-coordinate:missing=true",
    "Patient?_text=femur", "Patient?_text=(femur OR tibia) AND NOT bone", "Patient?_content=art* femur", "Patient?_text=fem*,tib*",
    "Patient?_text:missing=true", "Patient?family=artagnan", "Patient?family=mueller", "Patient?family=MÜLLER",
    'Patient?_filter=family ew "an"', "Patient?_filter=family ew artagna", "Patient?_filter=family ne dartagnan",
    "Patient?_filter=not(gender eq female) or family co ll", "Patient?_filter=family ew a and _text eq femur",
)  # fmt: skip


def _resources() -> list[dict[str, Any]]:
    places = (("48.8566", "2.3522"), ("51.5074", "-0.1278"), ("-18.1248", "178.4501"), ("-13.8", "-171.7"),
              ("45", "45"), ("90", "0"), ("-90", "0"), ("91", "0"))  # fmt: skip
    found: list[dict[str, Any]] = [
        {"resourceType": "Location", "id": f"l{at}", "position": {"latitude": number(lat), "longitude": number(lon)}}
        for at, (lat, lon) in enumerate(places)
    ]  # fmt: skip
    found += [_sequence("a", "1", 5, 9, (1, 2), (10, 20)), _sequence("b", "2", 5, 5, (1, 20))]
    found.append(_sequence("c", "1", None, None, (1, 20)))
    for id, family, narrative in (
        ("d", "D’Artagnan", "Femur, bone"),
        ("m", "Müller", "Tibia"),
        ("n", ".*", ""),
    ):
        text = {"text": {"status": "generated", "div": f"<div>{narrative}</div>"}} if narrative else {}
        found.append(patient(id, name=[{"family": family}], gender="female" if id == "d" else "male", **text))
    return found


def _sequence(
    id: str, chromosome: str, start: int | None, end: int | None, *variants: tuple[int, int]
) -> dict[str, Any]:
    window = {} if start is None else {"windowStart": start, "windowEnd": end}
    reference = {
        "chromosome": {"coding": [{"system": "urn:c", "code": chromosome}]},
        "referenceSeqId": {"coding": [{"system": "urn:s", "code": "NC"}]},
        **window,
    }
    varied = [{"start": first, "end": last} for first, last in variants]
    return {
        "resourceType": "MolecularSequence", "id": id, "coordinateSystem": 0, "referenceSeq": reference, "variant": varied
    }  # fmt: skip


@pytest.fixture
def shelved(store: Store, registry: Registry) -> Shelf:
    shelf = Shelf(registry)
    documents = []
    for at, resource in enumerate(_resources()):
        shelved = shelf.add(resource)
        facts = Facts(shelved.resource_type, shelved.id, shelved.owner)
        seq = seq_of(NOW, shelved.id, at)
        documents.append(Document(facts, 1, NOW, seq, resource, shelved.entries))
    store.records.commit(UnitOfWork(OPEN, creates=tuple(documents)))
    return shelf


def test_the_database_finds_what_a_query_means(store: Store, shelved: Shelf) -> None:
    differences, met = [], 0
    for query in QUERIES:
        for across in (None, ()):
            asked = shelved.request(quote(query, safe="?=&:,$"))
            made = plan(asked, systems=store.systems, cross_person_types=across)
            found = {entry.id for entry in store.records.search(made, OPEN).entries}
            expected = ids_of(shelved.documents, made)
            met += len(expected)
            if found != expected or store.records.count(made, OPEN) != len(expected):
                differences.append(f"{query} by {made.index}: {found} for {expected}")
    assert differences == []
    assert met > len(QUERIES) * 2


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("chromosome-window-coordinate=1$5$9", {"a"}, id="three-parts"),
        pytest.param("chromosome-window-coordinate=1$5$8", set(), id="the-last-part-counts"),
        pytest.param("chromosome-window-coordinate=2$5$9", set(), id="the-first-part-counts"),
        pytest.param("chromosome-window-coordinate=2$5$5", {"b"}, id="start-and-end-alike"),
        pytest.param("chromosome-variant-coordinate=1$1$2", {"a"}, id="one-repeat"),
        pytest.param("chromosome-variant-coordinate=1$1$20", {"c"}, id="never-of-two-repeats"),
        pytest.param("chromosome-variant-coordinate=1$ge10$le20", {"a"}, id="prefixes"),
        pytest.param("chromosome-variant-coordinate=1$gt1$gt2", {"a"}, id="beyond"),
        pytest.param("chromosome-window-coordinate:missing=true", {"c"}, id="missing"),
    ],
)  # fmt: skip
def test_three_parts_hold_together(registry: Registry, query: str, found: set[str]) -> None:
    shelf = Shelf(registry, [one for one in _resources() if one["resourceType"] == "MolecularSequence"])
    assert shelf.search(f"MolecularSequence?{query}") == found
