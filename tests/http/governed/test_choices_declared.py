"""The operations of the person are declared where they can be called, and only in a governed server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fhir_server.app import CONTEXT
from fhir_server.interactions.context import Context
from fhir_server.operations import definitions, operations
from tests.governed import Governed
from tests.http.calls import new_id, situation
from tests.http.conftest import MakeApp
from tests.http.governed.choices import call

ON_PATIENTS = {
    "authorise", "block", "cross-border-choice", "emergency-switch", "see-as", "service", "set-role", "unblock",
    "withdraw",
}  # fmt: skip
ON_ALL = {"hide", "show"}
PAGE = Path(__file__).parents[3] / "docs" / "choices.md"


def test_they_are_declared_on_the_types_that_they_are_called_on(governed: Governed) -> None:
    rest = governed.nobody().get("/metadata").get_json()["rest"][0]
    by_type = {one["type"]: {op["name"] for op in one["operation"]} for one in rest["resource"]}
    assert by_type["Patient"] >= ON_PATIENTS | ON_ALL
    assert by_type["Observation"] & (ON_PATIENTS | ON_ALL) == ON_ALL


def test_an_operation_on_a_patient_is_unknown_elsewhere(governed: Governed) -> None:
    id = new_id()
    governed.enrol(id)
    governed.plant(
        {"resourceType": "Basic", "id": id, "code": {"text": "x"}, "subject": {"reference": f"Patient/{id}"}}
    )
    answer = governed.person(id).post(f"/Basic/{id}/$block", call())
    assert (answer.status_code, situation(answer)) == (404, "unknown-operation")


def test_an_open_server_has_none_of_them(make_app: MakeApp) -> None:
    context: Context = make_app().extensions[CONTEXT]
    names = {row.name.lstrip("$") for row in context.dispatcher.interactions}
    assert names.isdisjoint(ON_PATIENTS | ON_ALL)


@pytest.mark.parametrize("base", ["https://fhir-server.example.org", "https://other.example/fhir"])
def test_each_has_a_definition_below_our_canonical_base(base: str) -> None:
    defined = definitions(base)
    rows = {row.name: row.definition for row in operations(base, governed=True) if row.governed}
    assert {f"${name}" for name in ON_PATIENTS | ON_ALL} <= rows.keys()
    for name, url in rows.items():
        assert url == f"{base}/OperationDefinition/{name[1:]}"
        assert defined[url].code == name[1:]


def test_each_is_documented_with_all_of_its_parameters() -> None:
    page = PAGE.read_text("utf-8")
    missing = []
    for one in definitions().values():
        if one.code not in ON_PATIENTS | ON_ALL:
            continue
        section = re.search(rf"^## .*`\${one.code}`.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        assert section is not None, one.code
        wanted = [each.name for each in one.parameters if each.use == "in"]
        missing += [f"${one.code} {name}" for name in wanted if f"`{name}`" not in section[0]]
    assert missing == []
