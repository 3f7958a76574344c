"""Whole generated records: one owner, few entries, and searches that agree with a walk over the JSON."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fhir_server.model.exact_json import decode
from profiles.registry import Registry
from tests.search.resources import LOINC
from tests.search.shelf import Shelf

pytestmark = pytest.mark.corpus

RECORDS = 3
TOKENS_OF_AN_OBSERVATION = 4
"""Each token costs about 23 bytes of index per document: status, profile and person must not be among them."""


def _record(path: Path) -> list[dict[str, Any]]:
    """Return the resources of a transaction with their references resolved, as a server would store them."""
    text = gzip.decompress(path.read_bytes())
    names = {
        entry["fullUrl"]: f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in decode(text)["entry"]
    }
    pattern = re.compile(b"|".join(re.escape(url.encode()) for url in names))
    resolved = pattern.sub(lambda match: names[match.group().decode()].encode(), text)
    return [entry["resource"] for entry in decode(resolved)["entry"]]


@pytest.fixture(scope="module")
def records(corpus: Path) -> list[list[dict[str, Any]]]:
    paths = sorted((corpus / "synthea").rglob("*.json.gz"))[:RECORDS]
    assert len(paths) == RECORDS
    return [_record(path) for path in paths]


@pytest.fixture(scope="module")
def shelf(registry: Registry, records: list[list[dict[str, Any]]]) -> Shelf:
    return Shelf(registry, [resource for record in records for resource in record])


def _patient_id(record: list[dict[str, Any]]) -> str:
    (id,) = [resource["id"] for resource in record if resource["resourceType"] == "Patient"]
    return str(id)


def test_every_resource_is_of_its_patient_or_of_the_directory(
    registry: Registry, records: list[list[dict[str, Any]]]
) -> None:
    for record in records:
        shelf = Shelf(registry, record)
        owners = {document.owner for document in shelf.documents}
        assert owners == {_patient_id(record), None}
        directory = {document.resource_type for document in shelf.documents if document.owner is None}
        assert directory <= {"Practitioner", "Organization", "Location", "Medication"}


def test_no_entry_names_the_person(shelf: Shelf) -> None:
    owned = [
        document for document in shelf.documents if document.owner and document.resource_type != "Patient"
    ]
    assert owned
    assert not [
        entry
        for document in owned
        for entry in (*document.entries.token, *document.entries.residual)
        if str(document.owner) in entry
    ]


def test_an_observation_has_few_tokens(shelf: Shelf) -> None:
    counts = Counter(
        len(document.entries.token) for document in shelf.documents if document.resource_type == "Observation"
    )
    assert sum(count * times for count, times in counts.items()) / counts.total() <= TOKENS_OF_AN_OBSERVATION


def test_each_code_of_a_record_finds_what_a_walk_finds(
    shelf: Shelf, records: list[list[dict[str, Any]]]
) -> None:
    for record in records:
        patient = _patient_id(record)
        by_code: dict[str, set[str]] = {}
        for resource in record:
            if resource["resourceType"] == "Observation":
                for coding in resource["code"]["coding"]:
                    by_code.setdefault(coding["code"], set()).add(resource["id"])
        assert by_code
        for code, ids in by_code.items():
            for asked in (code, f"{LOINC}|{code}"):
                assert shelf.search(f"Observation?patient={patient}&code={asked}") == ids


def test_each_year_of_a_record_finds_what_a_walk_finds(
    shelf: Shelf, records: list[list[dict[str, Any]]]
) -> None:
    for record in records:
        observations = [resource for resource in record if resource["resourceType"] == "Observation"]
        dates = {resource["id"]: resource["effectiveDateTime"] for resource in observations}
        for year in {date[:4] for date in dates.values()}:
            # Times at the turn of a year fall into one or the other by their offset: only the rest is judged.
            inner = {
                id for id, date in dates.items() if date[:4] == year and date[5:10] not in ("01-01", "12-31")
            }
            edge = {id for id, date in dates.items() if date[5:10] in ("01-01", "12-31")}
            found = shelf.search(f"Observation?patient={_patient_id(record)}&date={year}")
            assert found - edge == inner
