"""Invariants, bindings, references and extensions of profiles."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.model.outcome import operation_outcome
from profiles.definitions import Profile
from tests.validation.profile.making import BASE, Bench, found, profile, row, slicing, tree, value_set

PATIENT: dict[str, Any] = {"resourceType": "Patient", "birthDate": "1970-05-03", "name": [{"family": "Test"}]}


def constraint(key: str, expression: str, severity: str = "error") -> dict[str, Any]:
    return {"key": key, "severity": severity, "human": "prose", "expression": expression}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("family.exists()", [], id="kept"),
        pytest.param("given.exists()", [("error", "invariant", "Patient.name[0]")], id="broken"),
        pytest.param("%resource.birthDate.exists()", [], id="resource"),
        pytest.param("%rootResource is Patient", [], id="root-resource"),
        pytest.param("%context.family = 'Test'", [], id="context"),
        pytest.param("given = 'x'", [], id="empty-is-not-broken"),
        pytest.param(
            "family.trace('a').length() > 9", [("error", "invariant", "Patient.name[0]")], id="engine"
        ),
        pytest.param("family.(", [("warning", "faulty-profile", "Patient.name[0]")], id="does-not-compile"),
        pytest.param(
            "family.nothing()", [("warning", "faulty-profile", "Patient.name[0]")], id="no-such-function"
        ),
        pytest.param(
            "'a' / 2 > 1", [("warning", "faulty-profile", "Patient.name[0]")], id="cannot-be-evaluated"
        ),
    ],
)
def test_an_invariant_is_asked_of_every_element_that_has_it(
    bench: Bench, expression: str, expected: list[Any]
) -> None:
    asked = profile("rules", "Patient", row("Patient.name", constraint=[constraint("t-1", expression)]))
    issues = bench.with_definitions(asked).validate(tree(PATIENT), profiles=[asked.url])
    assert found(issues) == expected
    assert all("t-1" in issue.text for issue in issues)


def test_an_invariant_that_does_not_compile_names_profile_and_element_and_the_rest_is_checked(
    bench: Bench,
) -> None:
    rules = [constraint("bad-1", "family.("), constraint("good-1", "given.exists()")]
    asked = profile("half", "Patient", row("Patient.name", constraint=rules))
    issues = bench.with_definitions(asked).validate(tree(PATIENT), profiles=[asked.url])
    assert found(issues) == [
        ("warning", "faulty-profile", "Patient.name[0]"),
        ("error", "invariant", "Patient.name[0]"),
    ]
    assert f"{BASE}half, element Patient.name" in issues[0].text


def test_the_severity_of_an_invariant_is_that_of_the_issue(bench: Bench) -> None:
    rule = constraint("w-1", "given.exists()", "warning")
    asked = profile("advice", "Patient", row("Patient.name", constraint=[rule]))
    issues = bench.with_definitions(asked).validate(tree(PATIENT), profiles=[asked.url])
    assert found(issues) == [("warning", "invariant", "Patient.name[0]")]


def test_invariants_can_ask_for_membership_and_conformity(bench: Bench) -> None:
    colours = value_set("colours", "https://example.org/colours", "red")
    named = profile("named", "Patient", row("Patient.name", 1))
    rules = [
        constraint("m-1", f"maritalStatus.memberOf('{colours.url}')"),
        constraint("c-1", f"conformsTo('{named.url}')"),
    ]
    asked = profile("asking", "Patient", root=row("Patient", constraint=rules))
    validator = bench.with_definitions(named, asked, value_sets=[colours])
    red = {"maritalStatus": {"coding": [{"system": "https://example.org/colours", "code": "red"}]}}
    blue = {"maritalStatus": {"coding": [{"system": "https://example.org/colours", "code": "blue"}]}}
    assert validator.validate(tree(PATIENT | red), profiles=[asked.url]) == []
    nameless = {key: value for key, value in PATIENT.items() if key != "name"}
    issues = validator.validate(tree(nameless | blue), profiles=[asked.url])
    assert found(issues) == [("error", "invariant", "Patient")] * 2


@pytest.mark.parametrize(
    ("strength", "severity"),
    [("required", "error"), ("extensible", "warning"), ("preferred", "information"), ("example", None)],
)
def test_the_strength_of_a_binding_is_the_severity_of_a_code_outside(
    bench: Bench, strength: str, severity: str | None
) -> None:
    colours = value_set("colours", "https://example.org/colours", "red")
    bound = row("Patient.maritalStatus", binding={"strength": strength, "valueSet": colours.url + "|2.0"})
    asked = profile("bound", "Patient", bound)
    status = {"maritalStatus": {"coding": [{"system": "https://example.org/colours", "code": "blue"}]}}
    known = bench.with_definitions(asked, value_sets=[colours])
    expected = [(severity, "code-not-in-value-set", "Patient.maritalStatus")] if severity else []
    assert found(known.validate(tree(PATIENT | status), profiles=[asked.url])) == expected
    assert bench.with_definitions(asked).validate(tree(PATIENT | status), profiles=[asked.url]) == []


def test_one_coding_of_a_concept_is_enough(bench: Bench) -> None:
    colours = value_set("colours", "https://example.org/colours", "red")
    bound = row("Patient.maritalStatus", binding={"strength": "required", "valueSet": colours.url})
    asked = profile("bound", "Patient", bound)
    codings = [{"code": "x"}, {"system": "https://example.org/colours", "code": "red"}]
    resource = tree(PATIENT | {"maritalStatus": {"coding": codings}})
    assert bench.with_definitions(asked, value_sets=[colours]).validate(resource, profiles=[asked.url]) == []


def test_a_largest_value_set_is_required_whatever_the_strength(bench: Bench) -> None:
    colours = value_set("colours", "https://example.org/colours", "red")
    maximum = {
        "url": "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet",
        "valueCanonical": colours.url,
    }
    binding = {"strength": "preferred", "valueSet": "https://example.org/any", "extension": [maximum]}
    asked = profile("largest", "Patient", row("Patient.maritalStatus", binding=binding))
    resource = tree(PATIENT | {"maritalStatus": {"coding": [{"code": "blue"}]}})
    issues = bench.with_definitions(asked, value_sets=[colours]).validate(resource, profiles=[asked.url])
    assert found(issues) == [("error", "code-not-in-value-set", "Patient.maritalStatus")]


def _pointing(*targets: str) -> Profile:
    kinds = [{"code": "Reference", "targetProfile": list(targets)}]
    return profile("pointing", "Observation", row("Observation.subject", types=kinds))


def _observation(reference: dict[str, Any], **more: Any) -> Any:
    plain = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": reference}
    return tree(plain | more)


_PATIENT_TYPE = "http://hl7.org/fhir/StructureDefinition/Patient"
WRONG = [("error", "illegal-reference", "Observation.subject.reference")]
UNFIT = [("error", "profile-mismatch", "Observation.subject.reference")]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param({"reference": "Patient/1"}, [], id="type-in-the-text"),
        pytest.param({"reference": "Group/1"}, WRONG, id="other-type-in-the-text"),
        pytest.param({"reference": "https://other.example/fhir/Group/1"}, WRONG, id="absolute"),
        pytest.param({"reference": "urn:uuid:0c7ee3a4-55a4-4a2a-9a1c-2f1a3c0e6a4c"}, [], id="says-no-type"),
        pytest.param({"reference": "#g"}, WRONG, id="contained"),
        pytest.param({"display": "someone"}, [], id="no-reference"),
        pytest.param({"type": "Patient", "identifier": {"value": "1"}}, [], id="type-told-beside"),
        pytest.param({"type": "Group", "identifier": {"value": "1"}}, WRONG, id="other-type-told-beside"),
    ],
)
def test_a_reference_points_to_a_type_that_the_profile_allows(
    bench: Bench, reference: dict[str, Any], expected: list[Any]
) -> None:
    asked = _pointing(_PATIENT_TYPE)
    contained = [{"resourceType": "Group", "id": "g", "type": "person", "actual": True}]
    more = {"contained": contained} if reference.get("reference") == "#g" else {}
    issues = bench.with_definitions(asked).validate(_observation(reference, **more), profiles=[asked.url])
    assert found(issues) == expected


@pytest.mark.parametrize("where", ["contained", "resolver", "bundle"])
@pytest.mark.parametrize("gender", ["female", "male"])
def test_the_target_of_a_reference_conforms_wherever_it_is_found(
    bench: Bench, where: str, gender: str
) -> None:
    woman = profile("woman", "Patient", row("Patient.gender", 1, "1", fixedCode="female"))
    asked = _pointing(woman.url)
    validator = bench.with_definitions(woman, asked)
    target = {"resourceType": "Patient", "id": "p", "gender": gender}
    place = ""
    if where == "contained":
        issues = validator.validate(
            _observation({"reference": "#p"}, contained=[target]), profiles=[asked.url]
        )
    elif where == "resolver":
        resource = _observation({"reference": "Patient/p"})
        known = {"Patient/p": tree(target)}
        issues = validator.validate(resource, profiles=[asked.url], resolve=known.get)
    else:
        place = "Bundle.entry[0].resource"
        resource = _observation({"reference": "Patient/p"}, meta={"profile": [asked.url]})
        entry = [{"resource": resource}, {"fullUrl": "https://a.example/fhir/Patient/p", "resource": target}]
        issues = validator.validate(tree({"resourceType": "Bundle", "type": "collection", "entry": entry}))
    expected = [(a, b, str(c).replace("Observation", place or "Observation")) for a, b, c in UNFIT]
    assert found(issues) == ([] if gender == "female" else expected)


def test_profiles_that_refer_to_each_other_in_a_circle_come_to_an_end(bench: Bench) -> None:
    kinds = [{"code": "Reference", "targetProfile": [BASE + "circle"]}]
    circle = profile(
        "circle", "Observation", row("Observation.hasMember", types=kinds), row("Observation.note", 1)
    )
    plain = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "note": [{"text": "n"}]}
    known = {
        f"Observation/{at}": tree(plain | {"hasMember": [{"reference": f"Observation/{(at + 1) % 9}"}]})
        for at in range(9)
    }
    validator = bench.with_definitions(circle)
    assert validator.validate(known["Observation/0"], profiles=[circle.url], resolve=known.get) == []
    known["Observation/1"].pop("note")
    assert found(validator.validate(known["Observation/0"], profiles=[circle.url], resolve=known.get)) == [
        ("error", "profile-mismatch", "Observation.hasMember[0].reference")
    ]


def test_a_profile_whose_type_profiles_come_back_to_itself_comes_to_an_end(bench: Bench) -> None:
    endless = profile(
        "endless",
        "Extension",
        row("Extension.extension", types=[{"code": "Extension", "profile": [BASE + "endless"]}]),
        row("Extension.url", 1, "1"),
    )
    inner: dict[str, Any] = {"url": "https://example.org/x", "valueBoolean": True}
    for _ in range(9):
        inner = {"url": endless.url, "extension": [inner]}
    resource = tree(PATIENT | {"extension": [inner]})
    assert bench.with_definitions(endless).validate(resource) == []


def _extension() -> Profile:
    return profile(
        "colour",
        "Extension",
        row("Extension.extension", 0, "0"),
        row("Extension.url", 1, "1", fixedUri=BASE + "colour"),
        row("Extension.value[x]", 1, "1", types=["code"]),
    )


@pytest.mark.parametrize(
    ("holder", "place"),
    [
        pytest.param(lambda each: {"extension": [each]}, "Patient.extension[0]", id="resource"),
        pytest.param(
            lambda each: {"name": [{"family": "x"}, {"extension": [each]}]},
            "Patient.name[1].extension[0]",
            id="type",
        ),
        pytest.param(
            lambda each: {"_birthDate": {"extension": [each]}},
            "Patient.birthDate.extension[0]",
            id="primitive",
        ),
        pytest.param(
            lambda each: {"name": [{"given": ["a", "b"], "_given": [None, {"extension": [each]}]}]},
            "Patient.name[0].given[1].extension[0]",
            id="one-of-several-primitives",
        ),
        pytest.param(
            lambda each: {"extension": [{"url": "https://example.org/outer", "extension": [each]}]},
            "Patient.extension[0].extension[0]",
            id="extension",
        ),
        pytest.param(
            lambda each: {"modifierExtension": [each]}, "Patient.modifierExtension[0]", id="modifier"
        ),
    ],
)
def test_a_known_extension_is_held_to_its_definition_wherever_it_stands(
    bench: Bench, holder: Any, place: str
) -> None:
    validator = bench.with_definitions(_extension())
    right, wrong = ({"url": BASE + "colour", key: "red"} for key in ("valueCode", "valueString"))
    assert validator.validate(tree(PATIENT | holder(right))) == []
    assert found(validator.validate(tree(PATIENT | holder(wrong)))) == [
        ("error", "wrong-type", f"{place}.value")
    ]


def test_a_slice_of_an_extension_needs_no_more_than_its_profile(bench: Bench) -> None:
    colour = _extension()
    asked = profile(
        "coloured",
        "Patient",
        row("Patient.extension", slicing=slicing(("value", "url"))),
        row("Patient.extension:colour", 1, "1", types=[{"code": "Extension", "profile": [colour.url]}]),
    )
    not_checked = [("warning", "unknown-profile", "Patient.extension[0]")]
    for definitions, said in (([colour, asked], []), ([asked], not_checked)):
        validator = bench.with_definitions(*definitions)
        right = tree(PATIENT | {"extension": [{"url": colour.url, "valueCode": "red"}]})
        assert found(validator.validate(right, profiles=[asked.url])) == said
        other = tree(PATIENT | {"extension": [{"url": "https://example.org/x", "valueCode": "red"}]})
        assert found(validator.validate(other, profiles=[asked.url])) == [
            ("error", "missing-element", "Patient.extension")
        ]


def test_an_issue_says_which_profile_asked(bench: Bench) -> None:
    asked = profile("named", "Patient", row("Patient.gender", 1, "1"), version="3.1")
    issues = bench.with_definitions(asked).validate(tree(PATIENT), profiles=[asked.url])
    (issue,) = operation_outcome(issues)["issue"]
    assert issue["extension"] == [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-source",
            "valueString": f"{BASE}named|3.1",
        }
    ]


def test_advice_does_not_crowd_out_errors(bench: Bench) -> None:
    rule = constraint("w-1", "given.exists()", "warning")
    asked = profile(
        "crowded", "Patient", row("Patient.name", constraint=[rule]), row("Patient.photo", 1), version=None
    )
    resource = tree(PATIENT | {"name": [{"family": "x"}] * 150})
    issues = bench.with_definitions(asked).validate(resource, profiles=[asked.url])
    assert [issue.severity for issue in issues].count("warning") == 100
    assert [issue.situation for issue in issues].count("more-issues") == 1
    assert ("error", "missing-element", "Patient.photo") in found(issues)
