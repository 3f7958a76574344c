"""Every search parameter of R4 resolves, and what does not is known by name."""

from __future__ import annotations

import pytest

from fhir_server.search.catalogue import Catalogue
from fhir_server.search.expression import At, Cast, Child, ElementIs, Path, ResolvesTo, read_path, split_union
from fhir_server.search.parameter import Setting
from fhir_server.search.parameter_types import TYPES
from profiles.registry import Registry
from tests.search.shelf import BASE_URL, Shelf

UNSUPPORTED = {"_query"}
VALUES = {
    "token": "urn:s|c",
    "reference": "x1",
    "string": "text",
    "date": "ge2024-02",
    "uri": "urn:u",
    "number": "gt1.5",
    "quantity": "5|urn:u|mg",
}
OWN_VALUES = {"_lastUpdated": "2024", "near": "48.8|2.3|1|km", "_filter": "_id eq x"}
"""Of parameters that are not like others of their type."""


@pytest.fixture(scope="module")
def catalogue(registry: Registry) -> Catalogue:
    return Catalogue(registry, Setting(BASE_URL))


def test_only_what_is_listed_cannot_be_searched(registry: Registry, catalogue: Catalogue) -> None:
    unsupported = {code for kind in registry.resource_types for code in catalogue.of(kind).unsupported}
    assert unsupported == UNSUPPORTED


def test_every_parameter_of_every_type_can_be_asked(registry: Registry, catalogue: Catalogue) -> None:
    shelf = Shelf(registry)
    asked = 0
    for resource_type in sorted(registry.resource_types):
        for code, parameter in catalogue.of(resource_type).by_code.items():
            parts = [part.type for part in parameter.parts] or [parameter.type]
            value = OWN_VALUES.get(code) or "$".join(VALUES[part] for part in parts)
            plan = shelf.plan(f"{resource_type}?{code}={value}")
            assert plan.conditions or plan.owner, (resource_type, code)
            asked += 1
    assert asked >= 2_500


def test_every_fact_is_written_under_a_parameter_that_writes(
    registry: Registry, catalogue: Catalogue
) -> None:
    for resource_type in registry.resource_types:
        by_code = catalogue.of(resource_type).by_code
        for parameter in by_code.values():
            for name in parameter.names:
                assert by_code[name].canonical, (resource_type, parameter.code)
                assert by_code[name].type == parameter.type


def test_every_canonical_parameter_writes_something(registry: Registry, catalogue: Catalogue) -> None:
    for resource_type in registry.resource_types:
        for parameter in catalogue.of(resource_type).by_code.values():
            if parameter.sources and not parameter.parts:
                make = TYPES[parameter.type].sink
                sinks = [make("x", source, parameter, catalogue.setting) for source in parameter.sources]
                assert any(sinks), (resource_type, parameter.code)


@pytest.mark.parametrize(
    ("resource_type", "code", "names"),
    [
        pytest.param("Observation", "patient", ("subject",), id="restricted"),
        pytest.param("Observation", "combo-code", ("code", "component-code"), id="union"),
        pytest.param(
            "Observation",
            "combo-code-value-quantity",
            ("code-value-quantity", "component-code-value-quantity"),
            id="union-of-composites",
        ),
        pytest.param("Patient", "phonetic", ("name",), id="same"),
        pytest.param("Patient", "family", ("family",), id="itself"),
        pytest.param("Bundle", "composition", ("composition",), id="inline-of-one-type"),
        pytest.param("Bundle", "message", ("message",), id="inline-of-another-type"),
    ],
)
def test_what_says_the_same_shares_its_name(
    catalogue: Catalogue, resource_type: str, code: str, names: tuple[str, ...]
) -> None:
    parameter = catalogue.parameter(resource_type, code)
    assert parameter is not None
    assert parameter.names == names


@pytest.mark.parametrize(
    ("resource_type", "decides", "elsewhere"),
    [
        pytest.param("Observation", True, True, id="a-performer-may-stand-in-for-the-subject"),
        pytest.param("Condition", True, False, id="the-subject-is-required"),
        pytest.param("Encounter", True, False, id="nothing-else-is-asked"),
        pytest.param("Account", False, False, id="several-persons"),
    ],
)
def test_the_role_of_the_patient_parameter(
    catalogue: Catalogue, resource_type: str, decides: bool, elsewhere: bool
) -> None:
    parameter = catalogue.parameter(resource_type, "patient")
    assert parameter is not None
    assert (parameter.owner == "decides", parameter.owner_elsewhere) == (decides, elsewhere)


@pytest.mark.parametrize(
    ("expression", "arms"),
    [
        pytest.param("A.b | C.d", ["A.b", "C.d"], id="union"),
        pytest.param("A.where(x = 'a|b') | (B.c as D)", ["A.where(x = 'a|b')", "(B.c as D)"], id="quoted"),
        pytest.param("(A.b | A.c).d", ["(A.b | A.c).d"], id="inner-union"),
    ],
)
def test_unions_are_split_at_the_outermost_level(expression: str, arms: list[str]) -> None:
    assert split_union(expression) == arms


@pytest.mark.parametrize(
    "expression",
    ["Patient.deceased.exists() and Patient.deceased != false", "A.b.first()", "A.b + 1", "(A.b | A.c).d"],
)
def test_what_is_no_path_is_left_to_the_engine(expression: str) -> None:
    assert read_path(expression) is None


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        pytest.param("code", Path(None, (Child("code"),)), id="relative"),
        pytest.param("A.b.c", Path("A", (Child("b"), Child("c"))), id="members"),
        pytest.param("(A.b as C)", Path("A", (Child("b"), Cast("C"))), id="infix-cast"),
        pytest.param("A.b.as(C)", Path("A", (Child("b"), Cast("C"))), id="cast"),
        pytest.param("(A.b as C).d", Path("A", (Child("b"), Cast("C"), Child("d"))), id="after-cast"),
        pytest.param("A.b[0].c", Path("A", (Child("b"), At(0), Child("c"))), id="index"),
        pytest.param(
            "A.b.where(resolve() is C)", Path("A", (Child("b"), ResolvesTo("C"))), id="reference-target"
        ),
        pytest.param(
            "A.b.where(c='d').e", Path("A", (Child("b"), ElementIs("c", "d"), Child("e"))), id="where"
        ),
        pytest.param(
            "A.extension('u')", Path("A", (Child("extension"), ElementIs("url", "u"))), id="extension"
        ),
    ],
)
def test_a_path_is_read_into_steps(expression: str, path: Path) -> None:
    assert read_path(expression) == path
