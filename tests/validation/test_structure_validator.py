"""What the validator answers: places, situations, limits; one answer on both paths."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fhir_server.model.outcome import SITUATIONS
from fhir_server.validation.report import MAX_ISSUES
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry
from tests.instances import maximal, minimal

EXTENSION = {"url": "https://example.org/note", "valueString": "x"}


@pytest.fixture(scope="module")
def validator(registry: Registry) -> StructureValidator:
    return StructureValidator(registry)


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **elements}


def observation(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **elements}


@pytest.mark.parametrize(
    ("resource", "situation", "expression"),
    [
        pytest.param(None, "wrong-type", "Resource", id="null"),
        pytest.param([], "wrong-type", "Resource", id="array"),
        pytest.param("x", "wrong-type", "Resource", id="string"),
        pytest.param({}, "missing-element", "Resource.resourceType", id="empty"),
        pytest.param({"resourceType": 1}, "wrong-type", "Resource.resourceType", id="type-is-a-number"),
        pytest.param(
            {"resourceType": "DomainResource"}, "illegal-value", "Resource.resourceType", id="abstract"
        ),
        pytest.param({"resourceType": "HumanName"}, "illegal-value", "Resource.resourceType", id="data-type"),
    ],
)
def test_what_is_no_resource_is_refused(
    validator: StructureValidator, resource: Any, situation: str, expression: str
) -> None:
    (issue,) = validator.validate(resource)
    assert (issue.situation, issue.expression) == (situation, expression)


def test_a_resource_of_another_type_than_expected_is_refused(validator: StructureValidator) -> None:
    (issue,) = validator.validate(patient(), "Observation")
    assert issue.situation == "type-mismatch"
    assert "Patient" in issue.text and "Observation" in issue.text
    assert validator.validate(patient(), "Patient") == []


def test_expressions_begin_where_the_caller_says(validator: StructureValidator) -> None:
    (issue,) = validator.validate(patient(gender="x"), at="Bundle.entry[3].resource")
    assert issue.expression == "Bundle.entry[3].resource.gender"


@pytest.mark.parametrize(
    ("resource", "situation", "expression"),
    [
        pytest.param(
            patient(name=[{"given": ["a", ""]}]), "empty-element", "Patient.name[0].given[1]", id="indexes"
        ),
        pytest.param(
            patient(name=[{"given": []}]), "empty-element", "Patient.name[0].given", id="no-primitives"
        ),
        pytest.param(patient(name=[]), "empty-element", "Patient.name", id="no-objects"),
        pytest.param(
            patient(contact=[{}, {"name": {"family": 1}}]),
            "wrong-type",
            "Patient.contact[1].name.family",
            id="no-index-where-it-cannot-repeat",
        ),
        pytest.param(
            observation(valueQuantity={"value": "1"}), "wrong-type", "Observation.value.value", id="choice"
        ),
        pytest.param(
            observation(_valueString={"extension": [{}]}),
            "empty-element",
            "Observation.value.extension[0]",
            id="extension-of-a-primitive",
        ),
        pytest.param(
            patient(**{"given name": "x"}), "unknown-element", "Patient.`given name`", id="delimited-name"
        ),
        pytest.param(
            {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient(gender="x")}]},
            "code-not-in-value-set",
            "Bundle.entry[0].resource.gender",
            id="resource-in-a-bundle",
        ),
        pytest.param(
            {"resourceType": "Parameters", "parameter": [{"name": "a", "part": [{"name": ""}]}]},
            "empty-element",
            "Parameters.parameter[0].part[0].name",
            id="content-reference",
        ),
    ],
)
def test_issue_is_at_its_place(
    validator: StructureValidator, resource: dict[str, Any], situation: str, expression: str
) -> None:
    assert (situation, expression) in [
        (issue.situation, issue.expression) for issue in validator.validate(resource)
    ]


@pytest.mark.parametrize(
    "elements",
    [
        pytest.param({"birthDate": "2024", "_birthDate": {"extension": [EXTENSION]}}, id="beside-a-value"),
        pytest.param({"_birthDate": {"extension": [EXTENSION]}}, id="instead-of-a-value"),
        pytest.param({"birthDate": "2024", "_birthDate": {"id": "a"}}, id="only-an-id-beside-a-value"),
        pytest.param(
            {"name": [{"given": ["a", None], "_given": [None, {"extension": [EXTENSION]}]}]}, id="aligned"
        ),
        pytest.param(
            {"name": [{"given": [None], "_given": [{"extension": [EXTENSION]}]}]}, id="aligned-without-value"
        ),
        pytest.param(
            {"name": [{"_given": [{"extension": [EXTENSION]}]}]}, id="array-of-extensions-without-values"
        ),
        pytest.param({"name": [{"given": ["a", "b"], "_given": [{"id": "x"}, None]}]}, id="array-with-an-id"),
        pytest.param({"_deceasedBoolean": {"extension": [EXTENSION]}}, id="choice-without-value"),
        pytest.param(
            {"deceasedBoolean": True, "_deceasedBoolean": {"extension": [EXTENSION]}}, id="choice-with-value"
        ),
    ],
)
def test_extension_of_a_primitive_is_accepted(
    validator: StructureValidator, elements: dict[str, Any]
) -> None:
    assert validator.accepts(patient(**elements))
    assert validator.explain(patient(**elements)) == []


@pytest.mark.parametrize(
    ("elements", "expression"),
    [
        pytest.param({"_birthDate": {"id": "a"}}, "Patient.birthDate", id="only-an-id"),
        pytest.param({"_birthDate": {}}, "Patient.birthDate", id="empty"),
        pytest.param({"_birthDate": None}, "Patient.birthDate", id="null"),
        pytest.param(
            {"_birthDate": [{"extension": [EXTENSION]}]}, "Patient.birthDate", id="array-for-single"
        ),
        pytest.param({"birthDate": "2024", "_birthDate": {"id": ""}}, "Patient.birthDate.id", id="empty-id"),
        pytest.param({"birthDate": "2024", "_birthDate": {"id": 1}}, "Patient.birthDate.id", id="number-id"),
        pytest.param(
            {"name": [{"given": ["a"], "_given": {"id": "x"}}]},
            "Patient.name[0].given",
            id="single-for-array",
        ),
        pytest.param(
            {"name": [{"given": [None, "a"], "_given": [None, {"id": "x"}]}]},
            "Patient.name[0].given[0]",
            id="hole-in-both",
        ),
        pytest.param(
            {"name": [{"_given": [None, {"extension": [EXTENSION]}]}]},
            "Patient.name[0].given[0]",
            id="hole-without-values",
        ),
        pytest.param(
            {"name": [{"given": ["a", None], "_given": [None, {"id": "x"}]}]},
            "Patient.name[0].given[1]",
            id="only-an-id-for-a-hole",
        ),
        pytest.param(
            {"name": [{"given": [None], "_given": [None]}]}, "Patient.name[0].given", id="nothing-at-all"
        ),
        pytest.param({"name": [{"given": "a", "_given": [{"id": "x"}]}]}, "Patient.name[0].given", id="text"),
        pytest.param({"_resourceType": {"id": "x"}}, "Patient._resourceType", id="resource-type"),
        pytest.param({"_": {"id": "x"}}, "Patient._", id="underscore-alone"),
        pytest.param(
            {"deceasedBoolean": True, "_deceasedDateTime": {"extension": [EXTENSION]}},
            "Patient.deceased",
            id="of-another-choice",
        ),
    ],
)
def test_extension_of_a_primitive_in_the_wrong_form_is_refused(
    validator: StructureValidator, elements: dict[str, Any], expression: str
) -> None:
    assert not validator.accepts(patient(**elements))
    assert expression in [issue.expression for issue in validator.validate(patient(**elements))]


def test_a_required_primitive_may_be_nothing_but_an_extension(validator: StructureValidator) -> None:
    resource = {"resourceType": "Observation", "code": {"text": "x"}, "_status": {"extension": [EXTENSION]}}
    assert validator.validate(resource) == []


def test_an_element_named_like_the_type_key_has_a_twin(validator: StructureValidator) -> None:
    instance = {"resourceId": "a", "resourceType": "Patient", "_resourceType": {"id": "x"}}
    scenario = {"resourceType": "ExampleScenario", "status": "draft", "instance": [instance]}
    assert validator.validate(scenario) == []


def test_nesting_is_accepted_up_to_its_limit_and_refused_below(validator: StructureValidator) -> None:
    def nested(levels: int) -> dict[str, Any]:
        extension: dict[str, Any] = EXTENSION
        for _ in range(levels):
            extension = {"url": "https://example.org/nest", "extension": [extension]}
        return patient(extension=[extension])

    # Patient is level 1, an extension in an array two more.
    assert validator.validate(nested(30)) == []
    assert [issue.situation for issue in validator.validate(nested(31))] == ["too-deep"]
    assert [issue.situation for issue in validator.validate(nested(100_000))] == ["too-deep"]


def test_at_most_a_hundred_issues_and_one_that_says_so(validator: StructureValidator) -> None:
    issues = validator.validate(patient(name=[{"family": 1}] * 5000))
    assert len(issues) == MAX_ISSUES + 1
    assert {issue.severity for issue in issues[:-1]} == {"error"}
    assert issues[-1].situation == "more-issues"
    assert issues[-1].severity == "information"
    assert len(validator.validate(patient(name=[{"family": 1}] * MAX_ISSUES))) == MAX_ISSUES


def test_an_unknown_element_near_a_known_one_gets_a_hint(validator: StructureValidator) -> None:
    (issue,) = validator.validate(patient(birthdate="2024"))
    assert "`birthDate`" in issue.text


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        pytest.param({"active": "true"}, "must be a boolean in JSON, not a string", id="wrong-kind"),
        pytest.param({"maritalStatus": "x"}, "must be an object, not a string", id="no-object"),
        pytest.param({"name": [None]}, "is null; leave it out", id="null"),
        pytest.param({"name": [{}]}, "is an empty object; leave it out", id="empty-object"),
        pytest.param({"name": []}, "is an empty array; leave it out", id="empty-array"),
        pytest.param({"gender": ["male"]}, "must be a single value, not an array", id="array-of-one"),
        pytest.param({"name": {"family": "x"}}, "can repeat, so it must be an array", id="not-in-an-array"),
        pytest.param({"_name": [{"id": "x"}]}, "put the extension inside `name`", id="twin-of-an-object"),
        pytest.param(
            {"deceasedBoolean": True, "deceasedDateTime": "2020"},
            "has `deceasedBoolean` and `deceasedDateTime`; only one of them is allowed",
            id="two-of-a-choice",
        ),
        pytest.param(
            {"name": [{"given": ["a", "b"], "_given": [None]}]},
            "`given` and `_given` must be arrays of the same length",
            id="twins-of-other-lengths",
        ),
    ],
)
def test_the_text_says_what_has_to_be_changed(
    validator: StructureValidator, elements: dict[str, Any], words: str
) -> None:
    (issue,) = validator.validate(patient(**elements))
    assert words in issue.text


def test_texts_hold_no_values_and_situations_are_of_the_table(
    registry: Registry, validator: StructureValidator
) -> None:
    def spoiled(value: Any) -> Any:
        if type(value) is dict:
            return {key: item if key in _KEPT else spoiled(item) for key, item in value.items()}
        return [spoiled(item) for item in value] if type(value) is list else "Dupont Anne\x01"

    for name in ("Patient", "Observation", "Composition", "Bundle"):
        issues = validator.validate(spoiled(maximal(registry, name)))
        assert len(issues) > 20
        for issue in issues:
            assert "Dupont" not in issue.text + (issue.expression or "")
            assert issue.situation in SITUATIONS


_KEPT = frozenset({"resourceType"})


def test_threads_share_a_validator_from_its_first_use(registry: Registry) -> None:
    validator = StructureValidator(registry)
    instances = [minimal(registry, name) for name in sorted(registry.resource_types)]
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(validator.validate, instance) for instance in instances * 4]
        assert all(answer.result() == [] for answer in answers)


def test_compile_refuses_what_is_no_resource_type(validator: StructureValidator) -> None:
    validator.compile("Patient")
    with pytest.raises(KeyError):
        validator.compile("HumanName")
