"""Concepts answered from the packages alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.registry import Registry
from terminology.local import LocalConcepts
from terminology.ports import Concepts

GENDER = "http://hl7.org/fhir/administrative-gender"
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"


@pytest.fixture(scope="module")
def concepts(registry: Registry) -> Concepts:
    return LocalConcepts(registry)


@pytest.mark.parametrize("version", ["", "|4.0.1"])
def test_members_are_pairs_of_system_and_code(concepts: Concepts, version: str) -> None:
    members = concepts.members(f"http://hl7.org/fhir/ValueSet/administrative-gender{version}")
    assert members is not None
    assert set(members) == {(GENDER, code) for code in ("male", "female", "other", "unknown")}
    assert len(members) == 4
    assert (GENDER, "male") in members
    assert (GENDER, "robot") not in members
    assert ("urn:other", "male") not in members
    assert "male" not in members


@pytest.mark.parametrize(
    "value_set",
    [
        pytest.param("http://hl7.org/fhir/ValueSet/mimetypes", id="open-system"),
        pytest.param("http://hl7.org/fhir/ValueSet/body-site", id="licensed-system"),
        pytest.param("http://example.org/none", id="unknown"),
    ],
)
def test_what_cannot_be_enumerated_has_no_members(concepts: Concepts, value_set: str) -> None:
    assert concepts.members(value_set) is None


@pytest.mark.parametrize(
    ("system", "code", "display"),
    [
        pytest.param(GENDER, "male", "Male", id="known"),
        pytest.param(GENDER + "|4.0.1", "male", "Male", id="with-version"),
        pytest.param(GENDER, "MALE", None, id="case-counts"),
        pytest.param(GENDER, "robot", None, id="unknown-code"),
        pytest.param("http://loinc.org", "2339-0", None, id="unknown-system"),
    ],
)
def test_lookup_gives_the_display(concepts: Concepts, system: str, code: str, display: str | None) -> None:
    assert concepts.lookup(system, code) == display


def test_closure_is_the_code_and_all_below(concepts: Concepts) -> None:
    below = set(concepts.closure(ACT_REASON, "PurposeOfUse"))
    assert {"PurposeOfUse", "TREAT", "ETREAT", "HRESCH"} <= below
    assert "SubscriptionReason" not in below
    assert set(concepts.closure(ACT_REASON, "BTG")) == {"BTG"}


@pytest.mark.parametrize(("system", "code"), [(ACT_REASON, "no-code"), ("http://loinc.org", "2339-0")])
def test_closure_of_an_unknown_code_is_the_code(concepts: Concepts, system: str, code: str) -> None:
    assert set(concepts.closure(system, code)) == {code}


class _Colours:
    """A code system in which case does not count."""

    def __init__(self) -> None:
        self.concepts = {"Red": "Red", "Dark-Red": ""}
        self.case_sensitive = False

    def below(self, code: str) -> frozenset[str]:
        return frozenset(self.concepts) if code == "Red" else frozenset((code,))


class _Tables:
    def __init__(self) -> None:
        self.code_systems = {"urn:colours": _Colours()}
        self.value_sets: dict[str, object] = {}


def test_case_does_not_count_where_the_system_says_so() -> None:
    concepts = LocalConcepts(_Tables())  # type: ignore[arg-type]
    assert concepts.lookup("urn:colours", "RED") == "Red"
    assert concepts.lookup("urn:colours", "dark-red") == "Dark-Red"  # it has no display
    assert concepts.closure("urn:colours", "red") == {"Red", "Dark-Red"}
    assert concepts.lookup("urn:colours", "blue") is None


VS = "http://hl7.org/fhir/ValueSet/"


@pytest.mark.parametrize(
    ("value_set", "system", "code", "known"),
    [
        pytest.param("administrative-gender", GENDER, "male", True, id="listed"),
        pytest.param("administrative-gender|4.0.1", None, "male", True, id="any-system"),
        pytest.param("administrative-gender", GENDER, "robot", False, id="other-code"),
        pytest.param("administrative-gender", "urn:other", "male", False, id="other-system"),
        pytest.param("no-such-set", GENDER, "male", None, id="unknown-set"),
        pytest.param("body-site", "http://snomed.info/sct", "1", None, id="not-enumerable"),
        pytest.param("all-languages", "urn:ietf:bcp:47", "fr-FR", True, id="language"),
        pytest.param("all-languages", None, "zh-Hant-TW", True, id="language-with-script"),
        pytest.param("all-languages", None, "french!", False, id="no-language"),
        pytest.param("all-languages", "urn:other", "fr", False, id="language-of-another-system"),
        pytest.param("mimetypes", None, "application/fhir+json; fhirVersion=4.0", True, id="media-type"),
        pytest.param("mimetypes", None, "pdf", False, id="no-media-type"),
        pytest.param("ucum-units", "http://unitsofmeasure.org", "mm[Hg]", True, id="unit"),
        pytest.param("ucum-units", None, "Cel", True, id="unit-with-a-zero-of-its-own"),
        pytest.param("ucum-units", None, "kilo gram", False, id="no-unit"),
        pytest.param("ucum-units", None, "zorkmid", None, id="unit-that-cannot-be-read"),
        pytest.param("currencies", None, "EUR", None, id="currency-perhaps"),
        pytest.param("currencies", None, "euro", False, id="no-currency"),
    ],
)
def test_membership_says_yes_no_or_not_known(
    concepts: Concepts, value_set: str, system: str | None, code: str, known: bool | None
) -> None:
    assert concepts.has(VS + value_set, system, code) is known


@pytest.mark.corpus
def test_every_unit_of_the_common_list_is_one(concepts: Concepts, corpus: Path) -> None:
    lines = (corpus / "ucum" / "ucum-cs.units").read_text("utf-8").splitlines()
    codes = {line.split(" = ")[0] for line in lines if " = " in line and not line.startswith("#")}
    assert len(codes) > 200
    assert {code for code in codes if concepts.has(VS + "ucum-units", None, code) is False} == set()
