"""Composite parameters: their parts are of one item of the resource, whatever the types of the parts are."""

from __future__ import annotations

from typing import Any

import pytest

from profiles.registry import Registry
from tests.search.resources import LOINC
from tests.search.shelf import Shelf

SNOMED = "http://snomed.info/sct"


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def answered(id: str, code: str, **value: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": id, "status": "final", "code": concept(LOINC, code), **value}


def component(code: str, value: str) -> dict[str, Any]:
    return {"code": concept(LOINC, code), "valueCodeableConcept": concept(SNOMED, value)}


RESOURCES: list[dict[str, Any]] = [
    answered("blue-eyes", "eyes", valueCodeableConcept=concept(SNOMED, "blue")),
    answered("green-eyes", "eyes", valueCodeableConcept=concept(SNOMED, "green")),
    answered("blue-hair", "hair", valueCodeableConcept=concept(SNOMED, "blue")),
    answered("worded", "eyes", valueString="Brown and dark"),
    answered("dated", "seen", valueDateTime="2024-05"),
    answered("both", "looks", component=[component("eyes", "blue"), component("hair", "red")]),
    {"resourceType": "DocumentReference", "id": "newer", "status": "current", "content": [],
     "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/old"}},
                   {"code": "appends", "target": {"reference": "DocumentReference/other"}}]},
    {"resourceType": "ValueSet", "id": "for-cancer", "status": "active",
     "useContext": [{"code": {"system": SNOMED, "code": "focus"}, "valueCodeableConcept": concept(SNOMED, "cancer")},
                    {"code": {"system": SNOMED, "code": "task"}, "valueCodeableConcept": concept(SNOMED, "order")}]},
]  # fmt: skip


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    return Shelf(registry, RESOURCES)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("Observation?code-value-concept=eyes$blue", {"blue-eyes"}, id="codes"),
        pytest.param(
            f"Observation?code-value-concept={LOINC}|eyes${SNOMED}|blue", {"blue-eyes"}, id="codes-with-systems"
        ),
        pytest.param(
            f"Observation?code-value-concept={SNOMED}|eyes${SNOMED}|blue", set(), id="code-of-another-system"
        ),
        pytest.param("Observation?code-value-concept=eyes$red", set(), id="a-value-of-nobody"),
        pytest.param(
            "Observation?code-value-concept=eyes$green,hair$blue", {"green-eyes", "blue-hair"}, id="either"
        ),
        pytest.param(
            "Observation?code-value-concept=eyes$green&code-value-concept=hair$blue", set(), id="both-at-once"
        ),
        pytest.param("Observation?code-value-string=eyes$brown", {"worded"}, id="code-and-string"),
        pytest.param("Observation?code-value-string=hair$brown", set(), id="string-of-another-code"),
        pytest.param("Observation?code-value-date=seen$ge2024", {"dated"}, id="code-and-date"),
        pytest.param("Observation?code-value-date=seen$lt2024", set(), id="code-and-another-date"),
        pytest.param("Observation?component-code-value-concept=eyes$blue", {"both"}, id="of-one-component"),
        pytest.param("Observation?component-code-value-concept=eyes$red", set(), id="of-two-components"),
        pytest.param(
            "Observation?combo-code-value-concept=eyes$blue", {"blue-eyes", "both"}, id="observation-or-component"
        ),
        pytest.param(
            "DocumentReference?relationship=DocumentReference/old$replaces", {"newer"}, id="reference-and-code"
        ),
        pytest.param(
            "DocumentReference?relationship=DocumentReference/old$appends", set(), id="of-two-relations"
        ),
        pytest.param("ValueSet?context-type-value=focus$cancer", {"for-cancer"}, id="context"),
        pytest.param("ValueSet?context-type-value=focus$order", set(), id="of-two-contexts"),
    ],
)  # fmt: skip
def test_both_parts_are_of_one_item(shelf: Shelf, query: str, expected: set[str]) -> None:
    assert shelf.search(query) == expected
