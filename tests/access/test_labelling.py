"""Labels as facts: what a resource says of itself in the words of a policy of these tests."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.access.durations import Duration
from fhir_server.access.labelling import Labelling
from fhir_server.access.policy import (
    CHOICE,
    CONFIDENTIALITY,
    MASKED,
    WITHHELD_FROM_PERSON,
    Label,
    Policy,
    neutral_policy,
)
from fhir_server.model.document import Access, Facts

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
OPENS = datetime(2026, 12, 22, 8, tzinfo=UTC)
CODES = "urn:x:visibility"
HIDDEN = {"system": CODES, "code": "H"}
SECRET = {"system": CODES, "code": "S"}
NORMAL = {"system": CONFIDENTIALITY, "code": "N"}
RESTRICTED = {"system": CONFIDENTIALITY, "code": "R"}
OURS = "https://ours.example.org"

POLICY = Policy(
    id="test",
    version="1",
    generation="0",
    labels=MappingProxyType({
        MASKED: Label(MASKED, (f"{CODES}|H",), frozenset({"person"})),
        WITHHELD_FROM_PERSON: Label(WITHHELD_FROM_PERSON, (f"{CODES}|S",), frozenset({"professional"})),
        "quiet": Label("quiet"),
    }),
    label_of=MappingProxyType({f"{CODES}|H": MASKED, f"{CODES}|S": WITHHELD_FROM_PERSON}),
    forbidden_together=(frozenset({MASKED, WITHHELD_FROM_PERSON}),),
    confidentiality=MappingProxyType({f"{CONFIDENTIALITY}|R": 1, f"{CONFIDENTIALITY}|V": 2}),
    class_by_type=MappingProxyType({"Observation": 3}),
    clocks=MappingProxyType({"withheld-opens": Duration(months=1)}),
)  # fmt: skip
LABELLING = Labelling(POLICY, canonical_base=OURS)
NEUTRAL = Labelling(neutral_policy())


def labelled(*codings: dict[str, str], kind: str = "Observation") -> dict[str, Any]:
    return {"resourceType": kind, "id": "1", "meta": {"security": list(codings)}}


def document(*codings: dict[str, str]) -> dict[str, Any]:
    return {"resourceType": "DocumentReference", "securityLabel": [{"coding": [one]} for one in codings]}


@pytest.mark.parametrize(
    ("resource", "labels", "confidentiality"),
    [
        pytest.param({"resourceType": "Observation"}, (), 0, id="none"),
        pytest.param(labelled(HIDDEN), (MASKED,), 0, id="a-code-of-the-policy"),
        pytest.param(labelled(HIDDEN, HIDDEN), (MASKED,), 0, id="each-once"),
        pytest.param(labelled(NORMAL), (f"{CONFIDENTIALITY}|N",), 0, id="another-code-as-it-is"),
        pytest.param(labelled(RESTRICTED, NORMAL), (f"{CONFIDENTIALITY}|R", f"{CONFIDENTIALITY}|N"), 1, id="strictest"),
        pytest.param(labelled({"code": MASKED}), ("|masked",), 0, id="a-neutral-word-is-no-code"),
        pytest.param(labelled({"system": MASKED}), ("masked|",), 0, id="nor-is-a-system"),
        pytest.param(document(HIDDEN), (MASKED,), 0, id="of-a-document"),
        pytest.param({**document(), "meta": {"security": [HIDDEN]}}, (MASKED,), 0, id="meta-of-a-document"),
        pytest.param(
            labelled({"system": f"{OURS}/CodeSystem/label", "code": "quiet"}), ("quiet",), 0, id="our-own-code"
        ),
        pytest.param(
            {"resourceType": "Composition", "confidentiality": "V"}, (f"{CONFIDENTIALITY}|V",), 2, id="composition"
        ),
        pytest.param(
            {"resourceType": "Bundle", "entry": [{"resource": labelled(HIDDEN)}]}, (MASKED,), 0, id="within-a-bundle"
        ),
        pytest.param(
            {
                "resourceType": "Consent",
                "category": [{"coding": [{"system": f"{OURS}/CodeSystem/choice", "code": "block"}]}],
            },
            (CHOICE,),
            0,
            id="a-choice",
        ),
    ],
)  # fmt: skip
def test_own_labels(resource: dict[str, Any], labels: tuple[str, ...], confidentiality: int) -> None:
    assert LABELLING.own(resource) == (labels, confidentiality)


@pytest.mark.parametrize(
    ("resource", "visibility"),
    [
        pytest.param(labelled(kind="Patient"), 0, id="nothing"),
        pytest.param(labelled(), 3, id="class"),
        pytest.param(labelled(RESTRICTED), 3 + 16, id="confidentiality"),
        pytest.param(labelled(RESTRICTED, HIDDEN), 3 + 16 + 64, id="masked"),
    ],
)
def test_visibility_tells_class_confidentiality_and_mask(resource: dict[str, Any], visibility: int) -> None:
    facts = LABELLING.facts(resource, resource["resourceType"], "1", "p", now=NOW)
    assert facts.visibility == visibility


@pytest.mark.parametrize(
    ("codes", "visibility"),
    [
        pytest.param((), 0, id="none"),
        pytest.param(("N",), 0, id="normal"),
        pytest.param(("R",), 16, id="restricted"),
        pytest.param(("V",), 32, id="very-restricted"),
        pytest.param(("V", "N"), 32, id="the-strictest-counts"),
    ],
)
def test_without_a_policy_confidentiality_is_all_there_is(codes: tuple[str, ...], visibility: int) -> None:
    resource = labelled(*({"system": CONFIDENTIALITY, "code": code} for code in codes))
    facts = NEUTRAL.facts(resource, "Observation", "1", "p", now=NOW)
    assert facts.visibility == visibility
    assert len(facts.access.labels) == len(codes)


def test_labels_of_sources_are_inherited_and_the_sources_remembered() -> None:
    source = Facts("Media", "m", "p", access=Access(labels=(MASKED, f"{CONFIDENTIALITY}|V")))
    facts = LABELLING.facts(
        labelled(NORMAL), "Observation", "1", "p",
        authors=("a",), inherited=[source], sources=["Media/gone"], now=NOW,
    )  # fmt: skip
    assert facts.access.source == ("Media/m", "Media/gone")
    assert set(facts.access.labels) == {MASKED, f"{CONFIDENTIALITY}|V", f"{CONFIDENTIALITY}|N"}
    assert facts.visibility == 3 + 32 + 64
    assert facts.access.authors == ("a",)


def test_the_first_depositor_stays_the_author() -> None:
    before = Facts("Observation", "1", "p", access=Access(authors=("first",)))
    facts = LABELLING.facts(labelled(), "Observation", "1", "p", authors=("second",), before=before, now=NOW)
    assert facts.access.authors == ("first",)


def test_what_is_withheld_opens_by_the_clock_of_its_deposit() -> None:
    first = LABELLING.facts(labelled(SECRET), "Observation", "1", "p", now=NOW)
    assert first.access.from_ == OPENS
    later = datetime(2026, 12, 1, tzinfo=UTC)
    again = LABELLING.facts(labelled(SECRET), "Observation", "1", "p", before=first, now=later)
    assert again.access.from_ == OPENS
    assert LABELLING.facts(labelled(), "Observation", "1", "p", before=first, now=later).access.from_ is None


def test_a_label_is_written_with_the_first_code_of_the_policy() -> None:
    assert LABELLING.codings(MASKED) == [HIDDEN]
    assert LABELLING.codings("quiet") == [{"system": f"{OURS}/CodeSystem/label", "code": "quiet"}]
    assert LABELLING.codings("unknown") == []


codings = st.lists(st.sampled_from([HIDDEN, SECRET, NORMAL, RESTRICTED]), max_size=4)


@settings(deadline=None)
@given(codings, codings, st.sampled_from([MASKED, WITHHELD_FROM_PERSON, "quiet"]))
def test_labels_are_sets(security: list[Any], concepts: list[Any], label: str) -> None:
    resource = {**document(*concepts), "meta": {"security": security}}
    before = set(LABELLING.own(resource)[0])
    added = LABELLING.with_label(resource, label)
    assert set(LABELLING.own(added)[0]) == before | {label}
    assert set(LABELLING.own(LABELLING.without_label(added, label))[0]) == before - {label}
    assert LABELLING.with_label(added, label) is added


def test_taking_off_a_label_leaves_everything_else_as_it_was() -> None:
    resource = {
        "resourceType": "DocumentReference",
        "meta": {"tag": [{"code": "t"}], "security": [HIDDEN]},
        "securityLabel": [{"coding": [HIDDEN, NORMAL], "text": "both"}, {"coding": [HIDDEN], "text": "gone"}],
        "status": "current",
    }
    assert LABELLING.without_label(resource, MASKED) == {
        "resourceType": "DocumentReference",
        "meta": {"tag": [{"code": "t"}]},
        "securityLabel": [{"coding": [NORMAL], "text": "both"}],
        "status": "current",
    }


@pytest.mark.parametrize(
    ("label", "role", "allowed"),
    [
        pytest.param(MASKED, "person", True, id="listed"),
        pytest.param(MASKED, "professional", False, id="not-listed"),
        pytest.param("quiet", "person", False, id="nobody"),
        pytest.param(CHOICE, "person", False, id="a-choice-is-no-label-to-give"),
        pytest.param(f"{CONFIDENTIALITY}|R", "person", True, id="not-of-the-policy"),
    ],
)
def test_who_may_give_a_label(label: str, role: str, allowed: bool) -> None:
    assert LABELLING.may_set(label, role) is allowed


def test_labels_that_exclude_each_other_are_found() -> None:
    assert LABELLING.forbidden([MASKED, "x"]) is None
    pair = frozenset({MASKED, WITHHELD_FROM_PERSON})
    assert LABELLING.forbidden([MASKED, "x", WITHHELD_FROM_PERSON]) == pair
    assert LABELLING.forbidden(pair) == pair


def test_a_new_policy_renews_the_visibility_of_stored_labels() -> None:
    stored = Facts("Observation", "1", "p", 9, Access(labels=(MASKED, f"{CONFIDENTIALITY}|R")))
    assert LABELLING.renewed(stored, labelled()).visibility == 3 + 16 + 64
    passed_on = Facts("Binary", "1", "p", 9, Access(source=("DocumentReference/d",)))
    assert LABELLING.renewed(passed_on, {"resourceType": "Binary"}).visibility == 9
