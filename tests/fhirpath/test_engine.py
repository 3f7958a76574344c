"""What a compiled expression gives its caller, and what it asks of its environment."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from fhir_server.fhirpath import Environment, FhirPathError, Node, WorkLimitExceeded, compile
from fhir_server.fhirpath.check import Fault, check
from fhir_server.fhirpath.functions.conversion import text_of
from fhir_server.fhirpath.node import system
from fhir_server.model import exact_json
from profiles.type_model import RegistryTypeModel

OBSERVATION = exact_json.decode(
    b"""{"resourceType": "Observation", "status": "final", "_status": {"id": "s"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "1"}, {"code": "2"}]},
    "valueQuantity": {"value": 1.50, "unit": "mg", "code": "mg"},
    "effectiveDateTime": "2024-05-01", "issued": "2024-05-01T10:00:00Z",
    "component": [{"valueQuantity": {"value": 1e2}}, {"valueString": "x"}],
    "contained": [{"resourceType": "Patient", "id": "p", "active": true,
                   "link": [{"other": {"reference": "#"}}]}],
    "subject": {"reference": "#p"}, "performer": [{"reference": "Practitioner/1"}, {"type": "Organization"}],
    "note": [{"text": "a", "_time": {"extension": [{"url": "http://x"}]}}]}"""
)


def texts(expression: str, types: RegistryTypeModel, environment: Environment | None = None) -> list[Any]:
    items = compile(expression, types=types).items(OBSERVATION, environment or Environment())
    return [text_of(system(item)) for item in items]


@pytest.mark.parametrize(
    ("expression", "values", "kinds", "paths"),
    [
        pytest.param(
            "Observation.code.coding.code", ["1", "2"], ["code", "code"],
            ["Observation.code.coding[0].code", "Observation.code.coding[1].code"], id="path-with-indexes",
        ),
        pytest.param("Observation.value.unit", ["mg"], ["string"], ["Observation.value.unit"], id="choice"),
        pytest.param("Observation.effective", ["2024-05-01"], ["dateTime"], ["Observation.effective"], id="type"),
        pytest.param("Observation.component.value.ofType(string)", ["x"], ["string"],
                     ["Observation.component[1].value"], id="ofType"),
        pytest.param("Observation.contained.active", [True], ["boolean"],
                     ["Observation.contained[0].active"], id="resource-inside"),
        pytest.param("(Observation.component.value as Quantity).value.exists()", [True], ["boolean"], [""],
                     id="computed-value"),
        pytest.param("Observation.note.time", [None], ["dateTime"], ["Observation.note[0].time"],
                     id="extension-only"),
        pytest.param("Observation.component", OBSERVATION["component"], ["Observation.component"] * 2,
                     ["Observation.component[0]", "Observation.component[1]"], id="element-defined-in-place"),
    ],
)  # fmt: skip
def test_typed_results_know_value_type_and_place(
    expression: str, values: list[Any], kinds: list[str], paths: list[str], types: RegistryTypeModel
) -> None:
    nodes = compile(expression, types=types).evaluate_typed(OBSERVATION)
    assert [node.value for node in nodes] == values
    assert [node.type for node in nodes] == kinds
    if paths != [""]:
        assert [node.path for node in nodes] == paths


def test_numbers_keep_their_literal(types: RegistryTypeModel) -> None:
    found = compile("descendants().ofType(Quantity).value", types=types).evaluate(OBSERVATION)
    assert sorted(bytes(number) for number in found) == [b"1.50", b"1e2"]


def test_results_are_the_very_objects_of_the_resource(types: RegistryTypeModel) -> None:
    (found,) = compile("Observation.code", types=types).evaluate(OBSERVATION)
    assert found is OBSERVATION["code"]


def test_pairs_leave_out_what_has_no_value(types: RegistryTypeModel) -> None:
    assert compile("Observation.note.time", types=types).evaluate_pairs(OBSERVATION) == []
    assert compile("Observation.issued", types=types).evaluate_pairs(OBSERVATION) == [
        ("2024-05-01T10:00:00Z", "instant")
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("Observation.code.coding.where(code = '2').code", [("2", "code")], id="where-equal"),
        pytest.param("Observation.code.coding.where(system = 'x')", [], id="where-nothing"),
        pytest.param("Observation.status | Observation.status", [("final", "code")], id="union-without-repeats"),
        pytest.param("Observation.status.where($this = 'x') | Observation.issued.as(instant)",
                     [("2024-05-01T10:00:00Z", "instant")], id="union-of-both-ways"),
        pytest.param("Observation.performer.where(resolve() is Practitioner).reference",
                     [("Practitioner/1", "string")], id="where-target"),
        pytest.param("Observation.subject.where(resolve() is Patient).reference", [("#p", "string")],
                     id="where-contained-target"),
        pytest.param("Observation.note.where(hasExtension('http://x')).text", [], id="where-extension"),
        pytest.param("(Observation.value as Quantity).unit", [("mg", "string")], id="choice"),
        pytest.param("Resource.status | Patient.name | Basic.code", [("final", "code")], id="other-roots"),
    ],
)  # fmt: skip
def test_pairs_are_what_nodes_say(
    expression: str, expected: list[tuple[Any, str]], types: RegistryTypeModel
) -> None:
    compiled = compile(expression, types=types)
    assert compiled.evaluate_pairs(OBSERVATION) == expected
    assert [(node.value, node.type) for node in compiled.evaluate_typed(OBSERVATION)] == expected
    assert compiled.evaluate(OBSERVATION) == [value for value, _ in expected]


def test_extension_of_a_primitive_is_seen(types: RegistryTypeModel) -> None:
    (node,) = compile("Observation.note.time", types=types).evaluate_typed(OBSERVATION)
    assert node.extension == [{"url": "http://x"}]
    assert texts("Observation.status.id", types) == ["s"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("Observation.component.value.as(Quantity).count()", "1", id="as-filters"),
        pytest.param(
            "Observation.effective.as(DateTime).count()", "1", id="system-name-chooses-the-fhir-type"
        ),
        pytest.param("Observation.effective is DateTime", "false", id="is-minds-the-namespace"),
        pytest.param("Observation.status as string", None, id="code-is-not-chosen-as-string"),
        pytest.param("Observation.status is string", "true", id="code-is-a-string"),
        pytest.param("Patient.active", None, id="another-type-at-the-head"),
        pytest.param("(Patient.name.count() | 5).count()", "2", id="count-of-another-type-is-0"),
        pytest.param("(Patient.name | Patient.link | status)", "final", id="union-with-other-types"),
        pytest.param("DomainResource.contained.count()", "1", id="abstract-type-at-the-head"),
        pytest.param("subject.where(resolve() is Patient).count()", "1", id="contained-target"),
        pytest.param("performer.where(resolve() is Practitioner).count()", "1", id="target-by-its-text"),
        pytest.param("performer.where(resolve() is Organization).count()", "1", id="target-by-its-type"),
        pytest.param("subject.resolve().active", "true", id="contained-resource"),
        pytest.param("subject.resolve().link.other.resolve().status", "final", id="container"),
        pytest.param("performer.resolve().count()", "0", id="nothing-to-resolve-with"),
        pytest.param("contained.select(%resource.status)", "final", id="resource-is-where-one-started"),
        pytest.param("component.where($this.value is string).value", "x", id="this"),
        pytest.param("code.coding.where(code in ('2' | '3')).code", "2", id="in-inside-where"),
    ],
)
def test_fhir_semantics(expression: str, expected: str | None, types: RegistryTypeModel) -> None:
    assert texts(expression, types) == ([] if expected is None else [expected])


def test_as_refuses_several_where_the_letter_is_asked_for(types: RegistryTypeModel) -> None:
    strict = compile("Observation.component.value.as(Quantity)", types=types, single_as=True)
    with pytest.raises(FhirPathError, match="one item"):
        strict.evaluate(OBSERVATION)


def test_an_unknown_type_is_refused(types: RegistryTypeModel) -> None:
    for expression in ("value as Nonsense", "value.ofType(FHIR.Nonsense)", "value is Nonsense"):
        with pytest.raises(FhirPathError, match="no type Nonsense"):
            compile(expression, types=types)


def test_element_as_the_start_knows_its_resource(types: RegistryTypeModel) -> None:
    (patient,) = compile("contained", types=types).evaluate_typed(OBSERVATION)
    (link,) = compile("link", types=types).evaluate_typed(patient)  # type: ignore[arg-type]
    assert link.path == "Observation.contained[0].link[0]"
    assert compile("%resource.id", types=types).evaluate(link) == ["p"]
    assert compile("%rootResource.status", types=types).evaluate(link) == ["final"]
    assert compile("%context.other.reference", types=types).evaluate(link) == ["#"]


BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "entry": [
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "a", "active": True}},
        {
            "fullUrl": "http://x/Observation/2",
            "resource": {
                "resourceType": "Observation",
                "subject": {"reference": "urn:uuid:1"},
                "focus": [{"reference": "Patient/a"}],
            },
        },
    ],
}


def test_entries_of_a_bundle_refer_to_each_other(types: RegistryTypeModel) -> None:
    for element in ("subject", "focus"):
        expression = (
            f"Bundle.entry.resource.ofType(Observation).{element}.where(resolve() is Patient).resolve()"
        )
        (patient,) = compile(expression, types=types).evaluate_typed(BUNDLE)
        assert patient.path == "Bundle.entry[0].resource"


def test_environment_answers_what_the_resource_cannot(types: RegistryTypeModel) -> None:
    practitioner = {"resourceType": "Practitioner", "active": False}
    environment = Environment(
        resolve={"Practitioner/1": practitioner}.get,
        member_of=lambda value, url: value == "final" if url == "http://vs" else None,
        conforms_to=lambda node, url: node.type == "Observation" if url == "http://p" else None,
        subsumes=lambda general, special: (general.get("code"), special.get("code")) == ("1", "2"),
        element_definition=lambda node: {"path": node.path},
        in_slice=lambda node, _, name: node.value.get("code") == name,
        variables={"limit": 3, "patient": BUNDLE["entry"][0]["resource"], "many": [1, 2], "none": None},
        now=datetime(2024, 5, 1, 12, 30, 15, 250_000, timezone(timedelta(hours=2))),
    )
    expected = {
        "performer.resolve().active": ["false"],
        "status.memberOf('http://vs')": ["true"],
        "status.memberOf('http://unknown')": [],
        "conformsTo('http://p')": ["true"],
        "code.coding[0].subsumes(%context.code.coding[1])": ["true"],
        "code.coding[0].subsumedBy(%context.code.coding[1])": ["false"],
        "code.elementDefinition().path": ["Observation.code"],
        "code.coding.slice('http://p', '2').code": ["2"],
        "%limit + 1": ["4"],
        "%patient.active": ["true"],
        "%many.count()": ["2"],
        "%none.empty()": ["true"],
        "now()": ["2024-05-01T12:30:15.250+02:00"],
        "today()": ["2024-05-01"],
        "timeOfDay()": ["12:30:15.250"],
        "now() = now()": ["true"],
    }
    for expression, result in expected.items():
        assert texts(expression, types, environment) == result, expression


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("status = 'final'", True, id="true"),
        pytest.param("status.empty()", False, id="false"),
        pytest.param("performer.display = 'x'", None, id="empty"),
        pytest.param("code", True, id="an-element-that-is-no-boolean"),
    ],
)
def test_truth_of_an_invariant(expression: str, expected: bool | None, types: RegistryTypeModel) -> None:
    assert compile(expression, types=types).truth(OBSERVATION) is expected
    with pytest.raises(FhirPathError, match="2 items"):
        compile("component", types=types).truth(OBSERVATION)


def test_trace_is_seen_and_changes_nothing(types: RegistryTypeModel) -> None:
    seen: list[tuple[str, int]] = []
    environment = Environment(trace=lambda name, items: seen.append((name, len(items))))
    assert texts("component.trace('c', value).count()", types, environment) == ["2"]
    assert seen == [("c", 2)]


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("(1 | 2).repeat($this + 1)", id="repeat-without-end"),
        pytest.param("descendants().select(%context.descendants()).count()", id="descendants-of-descendants"),
        pytest.param(
            "(1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16).aggregate($total.combine($total), 1).count()",
            id="doubling",
        ),
        pytest.param(
            "%many.select(%many.select(%many.select(%many.select(%many.count()))))", id="nested-loops"
        ),
    ],
)
def test_work_is_limited(expression: str, types: RegistryTypeModel) -> None:
    environment = Environment(variables={"many": list(range(30))}, work_limit=1_000)
    with pytest.raises(WorkLimitExceeded, match="1000 steps"):
        texts(expression, types, environment)


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("%many.aggregate($total & $total, 'x').length()", id="texts"),
        pytest.param("'x'.replace('x', %long).replace('x', %long).length()", id="replacements"),
        pytest.param(
            "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxx'.replaceMatches('x', %long).length()", id="replaced-matches"
        ),
        pytest.param("%many.select(%long).join(%long).length()", id="joins"),
    ],
)
def test_values_do_not_grow_without_bound(expression: str, types: RegistryTypeModel) -> None:
    environment = Environment(variables={"many": list(range(40)), "long": "x" * 50_000})
    with pytest.raises(FhirPathError, match="more than"):
        texts(expression, types, environment)


def test_integers_that_overflow_are_empty(types: RegistryTypeModel) -> None:
    assert texts("9223372036854775807 + 1", types) == []
    assert texts("(1|2|3|4|5|6|7|8|9).aggregate($total * $total, 10)", types) == []


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param({"resourceType": "Observation", "code": "text"}, id="text-for-an-object"),
        pytest.param({"resourceType": "Observation", "code": [{"text": "a"}]}, id="list-for-an-object"),
        pytest.param({"resourceType": "Observation", "code": None}, id="null"),
        pytest.param({"resourceType": "Observation", "component": {"code": 3}}, id="object-for-a-list"),
        pytest.param({"resourceType": "Nonsense", "code": {}}, id="unknown-type"),
        pytest.param({"resourceType": 3}, id="number-for-a-type"),
        pytest.param({}, id="no-type"),
    ],
)
def test_data_of_another_shape_does_no_harm(resource: dict[str, Any], types: RegistryTypeModel) -> None:
    for expression in ("Observation.code.text", "Observation.component.code.coding", "descendants().count()"):
        compiled = compile(expression, types=types)
        assert isinstance(compiled.evaluate(resource), list)
        assert isinstance(compiled.evaluate_typed(resource), list)


def test_without_types_the_json_tells() -> None:
    expected = {
        "Observation.value.unit": ["mg"],
        "(Observation.value as Quantity).code": ["mg"],
        "Observation.effective < @2025": [True],
        "component.value.ofType(string)": ["x"],
        "contained.where(active).id": ["p"],
        "status.id": ["s"],
    }
    for expression, result in expected.items():
        assert compile(expression).evaluate(OBSERVATION) == result, expression


@pytest.mark.parametrize(
    ("expression", "faults"),
    [
        pytest.param("Observation.code.coding.where(system = 'a').code", [], id="nothing-wrong"),
        pytest.param("Observation.value.unit", [], id="some-type-of-the-choice-has-it"),
        pytest.param("Observation.valueQuantity", [Fault(12, "Observation has no element valueQuantity")],
                     id="json-name-of-a-choice"),
        pytest.param("code.codin", [Fault(5, "CodeableConcept has no element codin")], id="misspelled"),
        pytest.param("Patient.name", [Fault(0, "Patient is not what the expression starts from")], id="head"),
        pytest.param("(Observation.value as Address)", [Fault(22, "Age or")], id="impossible-choice"),
        pytest.param("children().first()", [Fault(11, "what children() returns has no order")], id="order"),
        pytest.param("component.where(valu.exists())", [Fault(16, "Observation.component has no element valu")],
                     id="inside-where"),
        pytest.param("iif('a', 1, 2)", [Fault(0, "the criterion of iif() is no Boolean")], id="criterion"),
        pytest.param("code.startsWith('a')", [Fault(5, "startsWith() needs a string, not CodeableConcept")],
                     id="text-function"),
        pytest.param("contained.anything.at.all", [], id="unknown-resource"),
    ],
)  # fmt: skip
def test_type_check_names_what_can_never_be(
    expression: str, faults: list[Fault], types: RegistryTypeModel
) -> None:
    found = check(expression, "Observation", types)
    assert [fault.position for fault in found] == [fault.position for fault in faults]
    for mine, wanted in zip(found, faults):
        assert wanted.message in mine.message or "is never a Address" in mine.message


def test_node_says_what_it_is() -> None:
    assert repr(Node.root({"resourceType": "Patient"})) == "Node(Patient: Patient)"
