"""QuestionnaireResponses against their Questionnaire."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw

from tests.validation.base.conftest import Faults

CANONICAL = "https://example.org/fhir/Questionnaire/q"
BASE = "http://hl7.org/fhir/StructureDefinition/"


def asked(*items: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Questionnaire", "url": CANONICAL, "status": "active", "item": list(items)}


def answered(*items: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": CANONICAL,
        "status": status,
        "item": list(items),
    }


def question(link_id: str = "q", kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"linkId": link_id, "type": kind, **more}


def answer(link_id: str = "q", *values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"linkId": link_id, "answer": list(values), **more}


def limit(name: str, **value: Any) -> dict[str, Any]:
    return {"extension": [{"url": BASE + name, **value}]}


def places(faults: Faults, questionnaire: dict[str, Any], response: dict[str, Any]) -> list[str | None]:
    known = {CANONICAL: questionnaire}
    return [place for _, place in faults(response, resolve=known.get)]


TEXT = {"valueString": "abc"}
VALUE = "QuestionnaireResponse.item[0].answer[0].value"
CODE = {"system": "https://example.org/codes", "code": "a"}


@pytest.mark.parametrize(
    ("item", "given", "place"),
    [
        pytest.param(question(), answer("q", TEXT), None, id="right"),
        pytest.param(
            question(), answer("r", TEXT), "QuestionnaireResponse.item[0].linkId", id="unknown-link"
        ),
        pytest.param(question(kind="integer"), answer("q", TEXT), VALUE, id="another-type"),
        pytest.param(
            question(kind="display"),
            answer("q", TEXT),
            "QuestionnaireResponse.item[0].answer[0]",
            id="display",
        ),
        pytest.param(
            question(required=True), {"linkId": "q"}, "QuestionnaireResponse.item[0]", id="required-empty"
        ),
        pytest.param(
            question(), answer("q", TEXT, TEXT), "QuestionnaireResponse.item[0].answer", id="no-repeats"
        ),
        pytest.param(question(repeats=True), answer("q", TEXT, TEXT), None, id="repeats"),
        pytest.param(question(maxLength=3), answer("q", TEXT), None, id="as-long-as-may-be"),
        pytest.param(question(maxLength=2), answer("q", TEXT), VALUE, id="too-long"),
        pytest.param(question(**limit("regex", valueString="[a-c]+")), answer("q", TEXT), None, id="pattern"),
        pytest.param(
            question(**limit("regex", valueString="[a-b]+")), answer("q", TEXT), VALUE, id="another-form"
        ),
        pytest.param(
            question(kind="integer", **limit("minValue", valueInteger=5)),
            answer("q", {"valueInteger": 5}),
            None,
            id="lowest",
        ),
        pytest.param(
            question(kind="integer", **limit("minValue", valueInteger=5)),
            answer("q", {"valueInteger": 4}),
            VALUE,
            id="too-low",
        ),
        pytest.param(
            question(kind="date", **limit("maxValue", valueDate="2022-06")),
            answer("q", {"valueDate": "2022-06-30"}),
            None,
            id="within-the-month",
        ),
        pytest.param(
            question(kind="date", **limit("maxValue", valueDate="2022-06")),
            answer("q", {"valueDate": "2022-07"}),
            VALUE,
            id="after-the-month",
        ),
        pytest.param(
            question(kind="choice", answerOption=[{"valueCoding": CODE}]),
            answer("q", {"valueCoding": {**CODE, "display": "shown"}}),
            None,
            id="option",
        ),
        pytest.param(
            question(kind="choice", answerOption=[{"valueCoding": CODE}]),
            answer("q", {"valueCoding": {**CODE, "code": "b"}}),
            VALUE,
            id="no-option",
        ),
        pytest.param(
            question(kind="open-choice", answerOption=[{"valueCoding": CODE}]),
            answer("q", TEXT),
            None,
            id="open",
        ),
        pytest.param(
            question(kind="choice", answerValueSet="http://hl7.org/fhir/ValueSet/administrative-gender"),
            answer("q", {"valueCoding": CODE}),
            VALUE,
            id="value-set",
        ),
    ],
)
def test_an_answer_answers_its_question(
    faults: Faults, item: dict[str, Any], given: dict[str, Any], place: str | None
) -> None:
    assert places(faults, asked(item), answered(given)) == ([] if place is None else [place])


def test_quantities_are_compared_by_their_units(faults: Faults) -> None:
    def metres(value: int, code: str) -> dict[str, Any]:
        return {"valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": code}}

    item = question(kind="quantity", **limit("questionnaire-maxQuantity", **metres(5, "km")))
    assert places(faults, asked(item), answered(answer("q", metres(4999, "m")))) == []
    assert places(faults, asked(item), answered(answer("q", metres(5001, "m")))) == [VALUE]
    assert places(faults, asked(item), answered(answer("q", metres(1, "kg")))) == [VALUE]


WHEN = {"question": "c", "operator": "=", "answerBoolean": True}


@pytest.mark.parametrize(
    ("condition", "given", "expected"),
    [
        pytest.param(True, True, [], id="asked-and-answered"),
        pytest.param(True, False, ["QuestionnaireResponse.item"], id="asked-and-not-answered"),
        pytest.param(False, True, ["QuestionnaireResponse.item[1]"], id="not-asked-but-answered"),
        pytest.param(False, False, [], id="not-asked"),
    ],
)
def test_what_is_not_enabled_is_neither_required_nor_answered(
    faults: Faults, condition: bool, given: bool, expected: list[str]
) -> None:
    items = (question("c", "boolean"), question("q", required=True, enableWhen=[WHEN]))
    rows = [answer("c", {"valueBoolean": condition}), *([answer("q", TEXT)] if given else [])]
    assert places(faults, asked(*items), answered(*rows)) == expected


def test_a_response_in_progress_may_lack_what_is_required(faults: Faults) -> None:
    response = answered(answer("q"), status="in-progress")
    assert places(faults, asked(question(required=True)), response) == []


def test_items_below_an_answer_are_looked_at(faults: Faults) -> None:
    item = question(kind="string", item=[question("inner", "integer")])
    below = answer("q", {**TEXT, "item": [answer("inner", TEXT)]})
    place = "QuestionnaireResponse.item[0].answer[0].item[0].answer[0].value"
    assert places(faults, asked(item), answered(below)) == [place]


def test_a_questionnaire_that_is_not_known_is_not_asked(faults: Faults) -> None:
    assert faults(answered(answer("q", TEXT)), resolve=lambda _: None) == []


def test_the_canonical_leads_to_a_questionnaire(faults: Faults) -> None:
    response = answered(answer("q", TEXT))
    found = faults(response, resolve=lambda _: {"resourceType": "ValueSet"})
    assert found == [("illegal-reference", "QuestionnaireResponse.questionnaire")]


def test_a_condition_on_an_item_inside_is_impossible(faults: Faults) -> None:
    inside = {**WHEN, "question": "inner"}
    item = question(kind="group", item=[question("inner", "boolean")], enableWhen=[inside])
    assert faults(asked(item)) == [("invariant", "Questionnaire.item[0].enableWhen[0].question")]


UCUM = {"system": "http://unitsofmeasure.org"}


def test_an_answer_whose_conversion_goes_out_of_range_cannot_be_compared(faults: Faults) -> None:
    least = {"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-minQuantity"}
    item = question(
        kind="quantity",
        extension=[{**least, "valueQuantity": {**UCUM, "value": Raw(b"1e999999"), "code": "kg"}}],
    )
    response = answered(answer("q", {"valueQuantity": {**UCUM, "value": Raw(b"9e999999"), "code": "g"}}))
    assert places(faults, asked(item), response) == [VALUE]
