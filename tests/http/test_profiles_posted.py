"""Definitions that are written through REST: refused if they cannot be used, else in use at once.

Spec: https://hl7.org/fhir/R4/profiling.html
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fhir_server.app import CONTEXT, close_app, create_app
from tests.conftest import FixedClock
from tests.http.calls import bundle, entry, issues, new_id, patient, send, situation
from tests.http.conftest import MakeApp, settings_of
from tests.http.definitions import R4, code_system, own_url, profile, rule, value_set, with_birth_date

URL = "http://example.org/fhir/StructureDefinition/fixed"
SET = "http://example.org/fhir/ValueSet/fixed"
SYSTEM = "http://example.org/fhir/CodeSystem/fixed"


def judged(client: FlaskClient, url: str, resource: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Return what `$validate` finds against a profile: situations with their places."""
    answer = send(client, "POST", f"/{resource['resourceType']}/$validate?profile={url}", resource)
    assert answer.status_code == 200, answer.text
    return [
        (one["details"]["coding"][0]["code"], one.get("expression", [None])[0])
        for one in issues(answer)
        if one["severity"] == "error"
    ]


def put(client: FlaskClient, resource: dict[str, Any]) -> TestResponse:
    id = new_id()
    return send(client, "PUT", f"/{resource['resourceType']}/{id}", {**resource, "id": id})


def test_a_posted_profile_is_in_use_at_once(client: FlaskClient) -> None:
    url = own_url()
    assert judged(client, url, patient()) == [("unknown-profile", "Patient")]
    assert put(client, with_birth_date(url)).status_code == 201
    assert judged(client, url, patient()) == [("missing-element", "Patient.birthDate")]
    assert judged(client, url, patient(birthDate="1957-03-14")) == []


def test_the_profile_that_asked_is_named(client: FlaskClient) -> None:
    url = own_url()
    put(client, with_birth_date(url, version="2.1"))
    [found] = issues(send(client, "POST", f"/Patient/$validate?profile={url}", patient()))
    assert [one["valueString"] for one in found["extension"]] == [f"{url}|2.1"]


def test_a_changed_profile_takes_the_place_of_the_old_one(client: FlaskClient) -> None:
    url, id = own_url(), new_id()
    send(client, "PUT", f"/StructureDefinition/{id}", with_birth_date(url, id=id))
    asks_gender = profile(url, "Patient", {"path": "Patient.gender", "min": 1}, id=id)
    send(client, "PUT", f"/StructureDefinition/{id}", asks_gender)
    assert judged(client, url, patient(gender="male")) == []
    assert judged(client, url, patient(birthDate="1957-03-14")) != []


def test_a_deleted_profile_goes(client: FlaskClient) -> None:
    url, id = own_url(), new_id()
    send(client, "PUT", f"/StructureDefinition/{id}", with_birth_date(url, id=id))
    send(client, "DELETE", f"/StructureDefinition/{id}")
    assert judged(client, url, patient()) == [("unknown-profile", "Patient")]


def test_each_version_of_a_profile_is_found(client: FlaskClient) -> None:
    url = own_url()
    put(client, with_birth_date(url, version="1"))
    put(client, profile(url, "Patient", {"path": "Patient.gender", "min": 1}, version="2"))
    assert judged(client, f"{url}|1", patient(birthDate="1957-03-14")) == []
    assert judged(client, f"{url}|2", patient(gender="male")) == []
    assert judged(client, url, patient(gender="male")) == []
    assert judged(client, f"{url}|2", patient(birthDate="1957-03-14")) != []


def test_a_posted_value_set_decides_what_a_posted_profile_binds(client: FlaskClient) -> None:
    url, codes, system = own_url(), own_url("ValueSet"), own_url("CodeSystem")
    bound = {"path": "Patient.maritalStatus", "binding": {"strength": "required", "valueSet": codes}}
    put(client, profile(url, "Patient", bound))
    put(client, code_system(system, "a", "b"))
    put(client, value_set(codes, {"system": system}))
    assert judged(client, url, patient(maritalStatus={"coding": [{"system": system, "code": "a"}]})) == []
    wrong = patient(maritalStatus={"coding": [{"system": system, "code": "c"}]})
    assert [situation for situation, _ in judged(client, url, wrong)] == ["code-not-in-value-set"]


def test_a_profile_of_a_posted_profile_has_both_rules(client: FlaskClient) -> None:
    base, url = own_url(), own_url()
    put(client, with_birth_date(base))
    put(client, profile(url, "Patient", {"path": "Patient.gender", "min": 1}, base=base))
    assert len(judged(client, url, patient())) == 2


def test_profiles_may_come_in_one_transaction_in_any_order(client: FlaskClient) -> None:
    base, url = own_url(), own_url()
    derived = profile(url, "Patient", {"path": "Patient.gender", "min": 1}, base=base)
    posted = [derived, with_birth_date(base)]
    answer = send(
        client,
        "POST",
        "",
        bundle("transaction", *(entry("POST", "StructureDefinition", one) for one in posted)),
    )
    assert answer.status_code == 200, answer.text
    assert len(judged(client, url, patient())) == 2


def test_what_is_based_on_something_unknown_waits_for_it(client: FlaskClient) -> None:
    base, url = own_url(), own_url()
    prefer = {"Prefer": "return=OperationOutcome"}
    answer = send(client, "POST", "/StructureDefinition", with_birth_date(url, baseDefinition=base), prefer)
    assert answer.status_code == 201
    assert [one["severity"] for one in issues(answer)] == ["information", "warning"]
    assert issues(answer)[1]["expression"] == ["StructureDefinition.baseDefinition"]
    assert judged(client, url, patient()) == [("faulty-profile", None)]
    put(client, profile(base, "Patient", {"path": "Patient.gender", "min": 1}))
    assert len(judged(client, url, patient())) == 2


FAULTY = [
    pytest.param(
        profile(URL, "Patient", {"path": "Patient.nothing", "min": 1}),
        "StructureDefinition.differential.element[0]", "Patient.nothing", id="unknown-element",
    ),
    pytest.param(
        profile(URL, "Patient", {"path": "Patient"}, {"path": "Patient.gender", "max": "2"}),
        "StructureDefinition.differential.element[1]", "Patient.gender", id="wider-cardinality",
    ),
    pytest.param(
        profile(URL, "Observation", {"path": "Observation.value[x]", "type": [{"code": "Address"}]}),
        "StructureDefinition.differential.element[0]", "Observation.value[x]", id="type-not-in-the-base",
    ),
    pytest.param(
        profile(URL, "Patient", {"path": "Patient.name", "id": "Patient.name:a", "sliceName": "a"}),
        "StructureDefinition.differential.element[0]", "Patient.name:a", id="slice-of-nothing-sliced",
    ),
    pytest.param(
        profile(URL, "Patient", {"path": "Patient", "constraint": [rule("own-1", "name.where(")]}),
        "StructureDefinition.differential.element[0].constraint[0].expression", "own-1", id="invariant",
    ),
    pytest.param(
        profile(URL, "Patient", {"path": "Patient.gender", "min": 1}, base=URL),
        "StructureDefinition.baseDefinition", "based on itself", id="based-on-itself",
    ),
    pytest.param(
        profile(URL, "Patient", {"path": "Patient.gender", "min": 1}, base=f"{R4}Observation"),
        "StructureDefinition.differential.element[0]", "Patient.gender", id="base-of-another-type",
    ),
    pytest.param(
        profile(URL, "Nothing", base=f"{R4}Patient"), "StructureDefinition.type", "Nothing", id="no-such-type"
    ),
    pytest.param(
        value_set(SET, {"system": SYSTEM}, {"valueSet": [SET]}),
        "ValueSet.compose.include[1].valueSet[0]", SET, id="value-set-of-itself",
    ),
    pytest.param(
        code_system(SYSTEM, "a", "b", "a"), "CodeSystem.concept[2].code", "already", id="code-said-twice"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "place", "named"), FAULTY)
def test_a_definition_that_cannot_be_used_is_refused_where_it_is_wrong(
    client: FlaskClient, definition: dict[str, Any], place: str, named: str
) -> None:
    answer = send(client, "POST", f"/{definition['resourceType']}", definition)
    assert answer.status_code == 422, answer.text
    [found] = issues(answer)
    assert found["expression"] == [place]
    assert named in found["details"]["text"]
    assert judged(client, URL, patient()) == [("unknown-profile", "Patient")]
    validated = send(client, "POST", f"/{definition['resourceType']}/$validate", definition)
    assert [place] in [one["expression"] for one in issues(validated) if one["severity"] == "error"]


def test_profiles_that_are_based_on_each_other_are_refused(client: FlaskClient) -> None:
    one, two = own_url(), own_url()
    assert put(client, with_birth_date(one, baseDefinition=two)).status_code == 201
    answer = put(client, with_birth_date(two, baseDefinition=one))
    assert (answer.status_code, situation(answer)) == (422, "faulty-profile")
    assert issues(answer)[0]["expression"] == ["StructureDefinition.baseDefinition"]


def test_value_sets_that_include_each_other_are_refused(client: FlaskClient) -> None:
    one, two = own_url("ValueSet"), own_url("ValueSet")
    assert put(client, value_set(one, {"valueSet": [two]})).status_code == 201
    assert put(client, value_set(two, {"valueSet": [one]})).status_code == 422


def test_a_faulty_definition_refuses_its_transaction_at_its_entry(client: FlaskClient) -> None:
    wrong = profile(URL, "Patient", {"path": "Patient.nothing", "min": 1})
    asked = bundle(
        "transaction", entry("POST", "Patient", patient()), entry("POST", "StructureDefinition", wrong)
    )
    answer = send(client, "POST", "", asked)
    assert answer.status_code == 422
    place = "Bundle.entry[1].resource.differential.element[0]"
    assert [one["expression"] for one in issues(answer)] == [[place]]


def test_an_update_that_would_break_a_profile_leaves_the_old_one_in_use(client: FlaskClient) -> None:
    url, id = own_url(), new_id()
    send(client, "PUT", f"/StructureDefinition/{id}", with_birth_date(url, id=id))
    wrong = profile(url, "Patient", {"path": "Patient.nothing", "min": 1}, id=id)
    assert send(client, "PUT", f"/StructureDefinition/{id}", wrong).status_code == 422
    assert judged(client, url, patient()) == [("missing-element", "Patient.birthDate")]


def test_definitions_that_constrain_nothing_are_only_stored(client: FlaskClient) -> None:
    model = profile(own_url(), "http://example.org/model", {"path": "model.a"}, base=f"{R4}Element")
    answer = send(
        client, "POST", "/StructureDefinition", {**model, "kind": "logical", "derivation": "specialization"}
    )
    assert answer.status_code == 201, answer.text


def test_a_definition_may_say_by_an_extension_why_a_code_or_a_canonical_is_not_there(
    client: FlaskClient,
) -> None:
    reason = {"url": f"{R4}data-absent-reason", "valueCode": "unknown"}
    system = code_system(own_url("CodeSystem"), "a")
    system["concept"] += [{"_code": {"extension": [reason]}}] * 2
    included = value_set(own_url("ValueSet"), {"valueSet": [None], "_valueSet": [{"extension": [reason]}]})
    for definition in (system, included):
        answer = send(client, "POST", f"/{definition['resourceType']}", definition)
        assert answer.status_code == 201, answer.text
    assert judged(client, f"{R4}Patient", patient()) == []


def test_another_worker_uses_a_posted_profile_a_second_later(
    database_uri: str, database_name: str, clock: FixedClock
) -> None:
    workers = [create_app(settings_of(database_uri, database_name), clock=clock) for _ in range(2)]
    try:
        writer, reader = (app.test_client() for app in workers)
        url = own_url()
        assert judged(reader, url, patient()) == [("unknown-profile", "Patient")]
        put(writer, with_birth_date(url))
        clock.advance(milliseconds=999)
        assert judged(reader, url, patient()) == [("unknown-profile", "Patient")]
        clock.advance(milliseconds=1)
        assert judged(reader, url, patient()) == [("missing-element", "Patient.birthDate")]
    finally:
        for app in workers:
            close_app(app)


def test_definitions_that_are_posted_at_once_are_all_taken(app: Flask) -> None:
    urls = [own_url() for _ in range(16)]
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda url: put(app.test_client(), with_birth_date(url)).status_code, urls)
        assert set(answers) == {201}
    client = app.test_client()
    assert {tuple(judged(client, url, patient())) for url in urls} == {
        (("missing-element", "Patient.birthDate"),)
    }


def generations(app: Flask) -> int:
    made: int = app.extensions[CONTEXT].definitions.made
    return made


def test_nothing_is_compiled_before_a_profile_is_asked_for(make_app: MakeApp) -> None:
    app = make_app()
    client = app.test_client()
    put(client, patient())
    send(client, "POST", "", bundle("transaction", entry("POST", "Patient", patient())))
    assert generations(app) == 0
    judged(client, f"{R4}Patient", patient())
    assert generations(app) == 1


def test_a_generation_is_made_only_when_a_definition_changed(make_app: MakeApp, clock: FixedClock) -> None:
    app = make_app()
    client = app.test_client()
    for _ in range(3):
        judged(client, f"{R4}Patient", patient())
        put(client, patient())
    assert generations(app) == 1
    put(client, with_birth_date(own_url()))
    judged(client, f"{R4}Patient", patient())
    judged(client, f"{R4}Patient", patient())
    assert generations(app) == 2
