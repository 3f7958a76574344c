"""FHIRPath Patch.  Spec: https://hl7.org/fhir/R4/fhirpatch.html"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from fhir_server.http.xml.reader import XmlReader
from fhir_server.http.xml.shapes import Shapes
from fhir_server.interactions.patching.fhirpath_patch import apply_fhirpath_patch
from fhir_server.interactions.patching.operation import MAX_OPERATIONS
from fhir_server.model.exact_json import decode, encode
from fhir_server.model.outcome import FhirError
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel

PATIENT = rb"""
{"resourceType": "Patient", "id": "p",
 "contained": [{"resourceType": "Organization", "id": "o", "name": "A"}],
 "identifier": [{"id": "a", "value": "1"}, {"id": "b", "value": "2"}, {"id": "c", "value": "3"}],
 "name": [{"family": "F", "given": ["A", null, "C"], "_given": [null, {"id": "g"}, null]}],
 "birthDate": "1970-01-02", "_birthDate": {"extension": [{"url": "http://x/t", "valueDecimal": 1.50}]},
 "multipleBirthInteger": 2,
 "managingOrganization": {"reference": "#o"}}
"""


@pytest.fixture(scope="module")
def types(registry: Registry) -> RegistryTypeModel:
    return RegistryTypeModel(registry)


def operation(kind: str, path: str, **more: Any) -> dict[str, Any]:
    """Return one operation; `value` is a part without its name, `name` a text, all others are numbers."""
    parts: list[dict[str, Any]] = [
        {"name": "type", "valueCode": kind}, {"name": "path", "valueString": path},
    ]  # fmt: skip
    for name, value in more.items():
        if name == "value":
            parts.append({"name": "value", **value})
        else:
            parts.append({"name": name, "valueString" if name == "name" else "valueInteger": value})
    return {"name": "operation", "part": parts}


def parameters(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(operations)}


def patched(types: RegistryTypeModel, *operations: dict[str, Any]) -> dict[str, Any]:
    """Return the Patient patched, and prove that the one before stayed as it was."""
    before = decode(PATIENT)
    result = apply_fhirpath_patch(types, before, parameters(*operations))
    assert encode(before) == encode(decode(PATIENT))
    return result


@pytest.mark.parametrize(
    ("operations", "changes"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param(
            [operation("replace", "Patient.birthDate", value={"valueDate": "1980"})],
            {"birthDate": "1980", "_birthDate": None}, id="a-replaced-primitive-loses-its-extensions",
        ),
        pytest.param(
            [operation("replace", "Patient.birthDate", value={"valueDate": "1980", "_valueDate": {"id": "x"}})],
            {"birthDate": "1980", "_birthDate": {"id": "x"}}, id="and-takes-those-of-the-value",
        ),
        pytest.param(
            [operation("delete", "Patient.birthDate")],
            {"birthDate": None, "_birthDate": None}, id="delete-a-primitive-with-its-extensions",
        ),
        pytest.param(
            [operation("delete", "Patient.birthDate.extension")],
            {"_birthDate": None}, id="delete-the-only-extension-of-a-primitive",
        ),
        pytest.param([operation("delete", "Patient.photo")], {}, id="delete-what-is-not-there"),
        pytest.param(
            [operation("delete", "Patient.managingOrganization.reference")],
            {"managingOrganization": None}, id="what-a-delete-empties-goes",
        ),
        pytest.param(
            [operation("replace", "Patient.multipleBirth", value={"valueBoolean": True})],
            {"multipleBirthInteger": None, "multipleBirthBoolean": True}, id="replace-a-choice-by-another-type",
        ),
        pytest.param(
            [operation("delete", "Patient.multipleBirth"),
             operation("add", "Patient", name="multipleBirth", value={"valueInteger": 3})],
            {"multipleBirthInteger": 3}, id="add-a-choice",
        ),
        pytest.param(
            [operation("delete", "Patient.name.given[0]")],
            {"name": [{"family": "F", "given": [None, "C"], "_given": [{"id": "g"}, None]}]},
            id="delete-in-a-list-with-companions",
        ),
        pytest.param(
            [operation("move", "Patient.name.given", source=1, destination=2)],
            {"name": [{"family": "F", "given": ["A", "C", None], "_given": [None, None, {"id": "g"}]}]},
            id="a-companion-moves-with-its-value",
        ),
        pytest.param(
            [operation("insert", "Patient.name.given", index=0, value={"valueString": "Z"})],
            {"name": [{"family": "F", "given": ["Z", "A", None, "C"], "_given": [None, None, {"id": "g"}, None]}]},
            id="insert-before-a-companion",
        ),
        pytest.param(
            [operation("delete", "Patient.name.given[1]")],
            {"name": [{"family": "F", "given": ["A", "C"]}]}, id="delete-the-only-companion",
        ),
        pytest.param(
            [operation("add", "Patient.name[0]", name="given", value={"valueString": "D", "_valueString": {"id": "d"}})],
            {"name": [{"family": "F", "given": ["A", None, "C", "D"], "_given": [None, {"id": "g"}, None, {"id": "d"}]}]},
            id="add-with-a-companion",
        ),
        pytest.param(
            [operation("add", "Patient.name.family", name="extension",
                       value={"part": [{"name": "url", "valueUri": "http://x/y"}, {"name": "value", "valueCode": "c"}]})],
            {"name": [{"family": "F", "_family": {"extension": [{"url": "http://x/y", "valueCode": "c"}]},
                       "given": ["A", None, "C"], "_given": [None, {"id": "g"}, None]}]},
            id="an-extension-of-a-primitive-given-as-parts",
        ),
        pytest.param(
            [operation("add", "Patient", name="contact", value={"part": [
                {"name": "name", "valueHumanName": {"text": "n"}},
                {"name": "telecom", "valueContactPoint": {"value": "1"}},
                {"name": "telecom", "valueContactPoint": {"value": "2"}}]})],
            {"contact": [{"name": {"text": "n"}, "telecom": [{"value": "1"}, {"value": "2"}]}]},
            id="an-element-defined-in-place-given-as-parts",
        ),
        pytest.param(
            [operation("add", "Patient", name="contained", value={"resource": {"resourceType": "Basic", "id": "b"}})],
            {"contained": [{"resourceType": "Organization", "id": "o", "name": "A"},
                           {"resourceType": "Basic", "id": "b"}]},
            id="a-contained-resource",
        ),
        pytest.param(
            [operation("replace", "Patient.managingOrganization.resolve().name", value={"valueString": "B"})],
            {"contained": [{"resourceType": "Organization", "id": "o", "name": "B"}]},
            id="through-a-reference-to-a-contained-resource",
        ),
        pytest.param(
            [operation("delete", "Patient.identifier.where(value = '2')")],
            {"identifier": [{"id": "a", "value": "1"}, {"id": "c", "value": "3"}]}, id="by-criteria",
        ),
        pytest.param(
            [operation("add", "Patient", name="text", value={"part": [
                {"name": "status", "valueCode": "generated"}, {"name": "div", "valueString": "<div>x</div>"}]})],
            {"text": {"status": "generated", "div": "<div>x</div>"}}, id="a-narrative",
        ),
        pytest.param(
            [operation("add", "Patient", name="photo", value={"valueAttachment": {"title": "1"}}),
             operation("insert", "Patient.photo", index=1, value={"valueAttachment": {"title": "2"}}),
             operation("move", "Patient.photo", source=0, destination=1)],
            {"photo": [{"title": "2"}, {"title": "1"}]}, id="each-meets-what-the-one-before-left",
        ),
    ],
)  # fmt: skip
def test_an_operation_changes_what_it_names(
    types: RegistryTypeModel, operations: list[dict[str, Any]], changes: dict[str, Any]
) -> None:
    expected = {**decode(PATIENT), **changes}
    assert patched(types, *operations) == {key: value for key, value in expected.items() if value is not None}


def test_what_is_not_touched_keeps_its_literal(types: RegistryTypeModel) -> None:
    result = patched(types, operation("replace", "Patient.name.family", value={"valueString": "G"}))
    assert b"1.50" in encode(result)
    brought = decode(b'{"valueQuantity": {"value": 0.10}}')
    observation = {"resourceType": "Observation", "status": "final", "code": {}}
    made = apply_fhirpath_patch(
        types, observation, parameters(operation("add", "Observation", name="value", value=brought))
    )
    assert encode(made["valueQuantity"]) == b'{"value":0.10}'


PART = "Parameters.parameter[0].part"


@pytest.mark.parametrize(
    ("described", "situation", "place"),
    [
        pytest.param(operation("replace", "Patient.photo", value={"valueString": "x"}),
                     "patch-failed", f"{PART}[1].value", id="replace-nothing"),
        pytest.param(operation("replace", "Patient.identifier", value={"valueIdentifier": {"value": "x"}}),
                     "patch-failed", f"{PART}[1].value", id="replace-several"),
        pytest.param(operation("delete", "Patient.identifier"),
                     "patch-failed", f"{PART}[1].value", id="delete-several"),
        pytest.param(operation("delete", "Patient"), "patch-failed", f"{PART}[1].value", id="delete-all"),
        pytest.param(operation("replace", "Patient", value={"resource": {"resourceType": "Patient"}}),
                     "patch-failed", f"{PART}[1].value", id="replace-all"),
        pytest.param(operation("add", "Patient.photo", name="title", value={"valueString": "x"}),
                     "patch-failed", f"{PART}[1].value", id="add-to-nothing"),
        pytest.param(operation("add", "Patient", name="birthDate", value={"valueDate": "2000"}),
                     "patch-failed", f"{PART}[2].value", id="add-what-is-there"),
        pytest.param(operation("add", "Patient", name="multipleBirth", value={"valueBoolean": True}),
                     "patch-failed", f"{PART}[2].value", id="add-a-second-choice"),
        pytest.param(operation("add", "Patient", name="colour", value={"valueString": "x"}),
                     "patch-failed", f"{PART}[2].value", id="add-an-unknown-element"),
        pytest.param(operation("add", "Patient", name="resourceType", value={"valueString": "Basic"}),
                     "patch-failed", f"{PART}[2].value", id="add-a-type"),
        pytest.param(operation("add", "Patient.birthDate", name="value", value={"valueDate": "2000"}),
                     "patch-failed", f"{PART}[2].value", id="add-a-value-to-a-primitive"),
        pytest.param(operation("add", "Patient", name="gender", value={"valueString": "male"}),
                     "patch-failed", f"{PART}[3]", id="a-string-is-no-code"),
        pytest.param(operation("replace", "Patient.multipleBirth", value={"valueString": "2"}),
                     "patch-failed", f"{PART}[2]", id="a-type-that-the-choice-lacks"),
        pytest.param(operation("add", "Patient", name="contact", value={"part": [{"name": "x", "valueCode": "c"}]}),
                     "patch-failed", f"{PART}[3].part[0].name", id="a-part-that-the-type-lacks"),
        pytest.param(operation("add", "Patient", name="contact", value={"part": [
            {"name": "gender", "valueCode": "male"}, {"name": "gender", "valueCode": "male"}]}),
                     "malformed-patch", f"{PART}[3].part[1]", id="a-part-twice"),
        pytest.param(operation("add", "Patient", name="deceased", value={"part": [{"name": "id", "valueId": "x"}]}),
                     "malformed-patch", f"{PART}[3]", id="a-choice-as-parts"),
        pytest.param(operation("add", "Patient", name="photo", value={}),
                     "malformed-patch", f"{PART}[3]", id="no-value"),
        pytest.param(operation("add", "Patient", name="active", value={"valueBoolean": True, "valueCode": "x"}),
                     "malformed-patch", f"{PART}[3]", id="two-values"),
        pytest.param(operation("insert", "Patient.identifier", index=4, value={"valueIdentifier": {"value": "x"}}),
                     "patch-failed", f"{PART}[2].value", id="insert-past-the-end"),
        pytest.param(operation("insert", "Patient.identifier", index=-1, value={"valueIdentifier": {"value": "x"}}),
                     "patch-failed", f"{PART}[2].value", id="insert-before-the-start"),
        pytest.param(operation("insert", "Patient.photo", index=0, value={"valueAttachment": {"title": "x"}}),
                     "patch-failed", f"{PART}[1].value", id="insert-in-no-list"),
        pytest.param(operation("insert", "Patient.birthDate", index=0, value={"valueDate": "2000"}),
                     "patch-failed", f"{PART}[1].value", id="insert-in-a-single-element"),
        pytest.param(operation("insert", "Patient.identifier.skip(1)", index=0, value={"valueIdentifier": {"value": "x"}}),
                     "patch-failed", f"{PART}[1].value", id="insert-in-a-part-of-a-list"),
        pytest.param(operation("move", "Patient.identifier", source=3, destination=0),
                     "patch-failed", f"{PART}[2].value", id="move-what-is-not-there"),
        pytest.param(operation("move", "Patient.identifier", source=0, destination=3),
                     "patch-failed", f"{PART}[3].value", id="move-past-the-end"),
        pytest.param(operation("move", "Patient", source=0, destination=0),
                     "patch-failed", f"{PART}[1].value", id="move-in-the-root"),
        pytest.param(operation("delete", "Patient.name.count()"),
                     "patch-failed", f"{PART}[1].value", id="a-computed-value"),
        pytest.param(operation("delete", "Patient.name["), "malformed-patch", f"{PART}[1].value", id="no-path"),
        pytest.param(operation("delete", "Patient.name.single().given.single()"),
                     "patch-failed", f"{PART}[1].value", id="a-path-that-fails"),
        pytest.param(operation("improve", "Patient"), "malformed-patch", f"{PART}[0].value", id="unknown-type"),
        pytest.param(operation("delete", "Patient.photo", index=1),
                     "malformed-patch", f"{PART}[2].name", id="a-part-too-many"),
        pytest.param(operation("add", "Patient", name="photo"), "malformed-patch", PART, id="a-part-missing"),
        pytest.param({"name": "operation"}, "malformed-patch", PART, id="no-parts"),
        pytest.param({"name": "operation", "part": [{"name": "type", "valueString": "add"}]},
                     "malformed-patch", f"{PART}[0]", id="a-part-of-another-type"),
        pytest.param({"name": "operation", "part": [{"name": "type", "valueCode": "add"}] * 2},
                     "malformed-patch", f"{PART}[1].name", id="the-same-part-twice"),
        pytest.param({"name": "change"}, "malformed-patch", "Parameters.parameter[0].name", id="no-operation"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_place(
    types: RegistryTypeModel, described: dict[str, Any], situation: str, place: str
) -> None:
    before = decode(PATIENT)
    with pytest.raises(FhirError) as refusal:
        apply_fhirpath_patch(types, before, parameters(described))
    assert (refusal.value.issues[0].situation, refusal.value.issues[0].expression) == (situation, place)
    assert 400 <= refusal.value.status < 500
    assert encode(before) == encode(decode(PATIENT))


def test_one_failing_operation_undoes_those_before_it(types: RegistryTypeModel) -> None:
    with pytest.raises(FhirError) as refusal:
        patched(
            types,
            operation("delete", "Patient.birthDate"),
            operation("replace", "Patient.photo", value={"valueString": "x"}),
        )
    assert refusal.value.issues[0].expression == "Parameters.parameter[1].part[1].value"


def test_the_work_of_a_patch_is_bounded(types: RegistryTypeModel) -> None:
    one = operation("delete", "Patient.photo")
    assert patched(types, *[one] * MAX_OPERATIONS) == decode(PATIENT)
    with pytest.raises(FhirError) as refusal:
        patched(types, *[one] * (MAX_OPERATIONS + 1))
    assert refusal.value.issues[0].situation == "too-costly"
    with pytest.raises(FhirError) as refusal:
        patched(types, *[operation("delete", "Patient.photo" + " " * 1000)] * 50)
    assert refusal.value.issues[0].situation == "too-costly"
    all_of = "%resource.descendants()"
    walk = f"{all_of}.where({all_of}.where({all_of}.exists()).empty())"
    with pytest.raises(FhirError) as refusal:
        patched(types, *[operation("delete", walk)] * 100)
    assert refusal.value.issues[0].situation == "patch-failed"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 9)), max_size=12))
@settings(deadline=None, max_examples=60)
def test_moves_and_inserts_do_what_a_plain_list_does(
    registry: Registry, steps: list[tuple[bool, int, int]]
) -> None:
    """Every second item has a companion; the oracle is a list of pairs."""
    types = RegistryTypeModel(registry)
    pairs: list[tuple[str, str | None]] = [("a", None), ("b", "1")]
    operations = []
    for is_move, first, second in steps:
        if is_move:
            source, destination = first % len(pairs), second % len(pairs)
            pairs.insert(destination, pairs.pop(source))
            operations.append(operation("move", "Patient.name.given", source=source, destination=destination))
        else:
            index, name = first % (len(pairs) + 1), f"n{len(pairs)}"
            companion = name if second % 2 else None
            pairs.insert(index, (name, companion))
            value: dict[str, Any] = {"valueString": name}
            if companion is not None:
                value["_valueString"] = {"id": companion}
            operations.append(operation("insert", "Patient.name.given", index=index, value=value))
    before = {"resourceType": "Patient", "name": [{"given": ["a", "b"], "_given": [None, {"id": "1"}]}]}
    [name_after] = apply_fhirpath_patch(types, deepcopy(before), parameters(*operations))["name"]
    ids = [None if one is None else one["id"] for one in name_after["_given"]]
    assert list(zip(name_after["given"], ids, strict=True)) == pairs


@pytest.mark.corpus
def test_every_case_of_the_public_suite(registry: Registry, types: RegistryTypeModel, corpus: Path) -> None:
    reader, validator = XmlReader(Shapes(registry)), StructureValidator(registry)
    cases = etree.parse(corpus / "patch" / "fhir-patch-tests.xml").getroot().findall("case")
    assert len(cases) == 27
    for case in cases:
        [before], [patch], [after] = (case.find(name) for name in ("input", "diff", "output"))
        result = apply_fhirpath_patch(types, _read(reader, before), _read(reader, patch))
        assert result == _read(reader, after), case.get("name")
        assert validator.validate(result) == [], case.get("name")


def _read(reader: XmlReader, element: Any) -> dict[str, Any]:
    return reader.read(etree.tostring(element, with_tail=False))
