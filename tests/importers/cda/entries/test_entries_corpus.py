"""The statements of every public document: how many became resources, and that none lost its meaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from importers.cda.conversion import Conversion
from importers.result import Unreadable
from tests.importers.cda.entries.test_strange_entries import converted, invented, lost_negations, unlisted

pytestmark = pytest.mark.corpus

FOLDERS = ("french/cda", "eu/myhealth-eu-cda", "ccda")


@pytest.fixture(params=FOLDERS)
def documents(request: pytest.FixtureRequest, corpus: Path) -> list[tuple[Path, Conversion]]:
    return _documents(corpus / request.param)


@cache
def _documents(folder: Path) -> list[tuple[Path, Conversion]]:
    found = []
    for file in sorted(folder.rglob("*.xml")):
        try:
            found.append((file, converted(file.read_bytes())))
        except Unreadable:
            continue
    assert found
    return found


def resources(documents: list[tuple[Path, Conversion]]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for file, cv in documents:
        for resource in cv.resources.values():
            yield file, resource


def test_nine_of_ten_statements_of_each_template_become_resources(
    documents: list[tuple[Path, Conversion]],
) -> None:
    met: Counter[str] = Counter()
    structured: Counter[str] = Counter()
    for _, cv in documents:
        met += cv.met
        structured += cv.structured
    assert sum(structured.values()) >= 0.98 * sum(met.values())
    assert {name: met[name] for name in met if met[name] >= 10 and structured[name] < 0.9 * met[name]} == {}


def test_no_negation_is_lost(documents: list[tuple[Path, Conversion]]) -> None:
    assert [(file.name, each) for file, cv in documents for each in lost_negations(cv)] == []


def test_what_becomes_nothing_is_listed(documents: list[tuple[Path, Conversion]]) -> None:
    assert [(file.name, each) for file, cv in documents for each in unlisted(cv)] == []


def test_no_code_and_no_literal_is_made_up(documents: list[tuple[Path, Conversion]]) -> None:
    found = {(file.name, each) for file, cv in documents for each in invented(cv, file.read_bytes())}
    assert found == set()


def test_no_mapper_fails_on_a_real_document(documents: list[tuple[Path, Conversion]]) -> None:
    """The conversions above are strict: a failure would have left them."""
    faults = [
        (file.name, issue.text) for file, cv in documents for issue in cv.issues if issue.kind == "fault"
    ]
    assert faults == []


def test_an_allergy_always_has_a_clinical_status_or_the_reason_why_not(
    documents: list[tuple[Path, Conversion]],
) -> None:
    """Invariant ait-1."""
    bare = [
        file.name
        for file, resource in resources(documents)
        if resource["resourceType"] == "AllergyIntolerance" and not resource.get("clinicalStatus")
    ]
    assert bare == []


def test_a_condition_that_ended_does_not_go_on(documents: list[tuple[Path, Conversion]]) -> None:
    """Invariant con-4."""
    for file, resource in resources(documents):
        if resource["resourceType"] != "Condition" or "clinicalStatus" not in resource:
            continue
        if {"abatementDateTime", "_abatementDateTime"} & resource.keys():
            code = resource["clinicalStatus"]["coding"][0]["code"]
            assert code in ("inactive", "resolved", "remission"), file
