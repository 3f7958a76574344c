"""Every public document: stored or refused with a reason, back byte for byte, and nothing the second time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.calls import send, situation
from tests.http.conftest import MakeApp
from tests.http.imported import OPERATION, XML, told

FOLDERS = ("french/cda", "eu/myhealth-eu-cda", "ccda")
REASONS = frozenset({"unreadable-document", "other-content", "multiple-matches"})
"""Why a document of the corpus is not stored: no CDA document, an id used twice, a patient number used twice."""
EVERY = 5
"""Of which files the test takes one: the whole corpus takes minutes, and `fhir-server import` reports on it."""


def documents(corpus: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        found = sorted(file for file in (corpus / folder).rglob("*") if file.suffix.lower() == ".xml")
        assert found, folder
        yield from found[::EVERY]


@pytest.mark.corpus
def test_every_document_is_stored_once_or_refused_with_a_reason(corpus: Path, make_app: MakeApp) -> None:
    client = make_app().test_client()
    stored: dict[str, bytes] = {}
    reasons: Counter[str] = Counter()
    for file in documents(corpus):
        data = file.read_bytes()
        answer = send(client, "POST", OPERATION, data, XML)
        if answer.status_code == 200:
            stored[told(answer)["document"]] = data
        else:
            reasons[situation(answer)] += 1
    assert reasons.keys() <= REASONS
    assert len(stored) > 35
    for name, data in stored.items():
        document = send(client, "GET", f"/{name}").get_json()
        url = document["content"][0]["attachment"]["url"]
        exported = send(client, "GET", f"/{url}", headers={"Accept": "*/*"}).data
        assert exported == data
        again = told(send(client, "POST", OPERATION, exported, XML))
        assert (again["outcome"], again["document"]) == ("already-there", name)
