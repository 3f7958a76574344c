"""Consents that mirror choices are legal FHIR, of the shape of the profile, and follow what was chosen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest
from fhir.resources.R4B.consent import Consent
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.access.choice_words import in_force
from fhir_server.access.choices import (
    Authorisation,
    Block,
    CrossBorder,
    Period,
    PersonChoices,
    Role,
    Service,
)
from fhir_server.access.consent import ACTIVE, KINDS, Mirror
from fhir_server.access.policy import WITHHELD_FROM_REPRESENTATIVES
from fhir_server.access.policy_file import load_policy
from fhir_server.model import exact_json
from fhir_server.validation.structure import StructureValidator
from profiles.load import load_registry

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
POLICY = load_policy("fr")
MIRROR = Mirror(POLICY, "https://example.org")

parties = st.builds("urn:test:{}|{}".format, st.sampled_from("ab"), st.integers(1, 9))
instants = st.integers(-99, 99).map(lambda days: NOW + timedelta(days=days))
periods = st.builds(Period, st.none() | instants, st.none() | instants)
names = st.lists(st.sampled_from(sorted(POLICY.class_numbers)), max_size=3, unique=True).map(tuple)
chosen = st.builds(
    PersonChoices,
    owner=st.just("p"),
    authorisations=st.lists(st.builds(Authorisation, parties, st.just("consent"), periods), max_size=3).map(
        tuple
    ),
    blocked=st.lists(st.builds(Block, parties, instants), max_size=3).map(tuple),
    roles=st.lists(st.builds(Role, st.just("caregiver"), parties, periods, names), max_size=3).map(tuple),
    hidden=st.frozensets(st.sampled_from(["Observation/1", "DocumentReference/2"])),
    hide_all=st.booleans(),
    hide_future=st.none() | instants,
    switches=st.dictionaries(st.sampled_from(sorted(POLICY.switches)), st.booleans()),
    cross_border=st.none()
    | st.just(CrossBorder(False))
    | st.builds(CrossBorder, st.just(True), st.sampled_from([(), ("ES",), ("DE", "ES")]), names),
    services=st.lists(
        st.builds(Service, st.sampled_from(["x", "y"]), names.filter(bool), periods), max_size=2
    ).map(tuple),
)


@lru_cache
def validator() -> StructureValidator:
    return StructureValidator(load_registry())


def depth(provision: dict[str, Any]) -> int:
    return 1 + max((depth(one) for one in provision.get("provision", ())), default=0)


@settings(deadline=None, max_examples=60)
@given(chosen)
def test_a_mirror_is_a_legal_consent_of_the_profile(choices: PersonChoices) -> None:
    for body in MIRROR.mirrors(choices).values():
        consent = exact_json.decode(exact_json.encode(MIRROR.consent(body, ACTIVE, NOW)))
        assert [issue.text for issue in validator().validate(consent, "Consent")] == []
        Consent.model_validate(consent)
        assert consent["policy"] == [{"uri": "https://example.org/policy/fr"}]
        assert consent["scope"]["coding"][0]["code"] == "patient-privacy"
        assert consent["provision"]["type"] in ("permit", "deny")
        assert depth(consent["provision"]) <= 2
        for one in (consent["provision"], *consent["provision"].get("provision", ())):
            assert not {"action", "class", "code"} & one.keys()


@settings(deadline=None, max_examples=60)
@given(chosen)
def test_every_choice_has_a_mirror_and_a_sentence_and_the_key_names_nobody(choices: PersonChoices) -> None:
    kinds = {key.partition(":")[0] for key in MIRROR.mirrors(choices)}
    made = {
        "block": choices.blocked, "authorisation": choices.authorisations, "role": choices.roles,
        "hidden": choices.hidden, "hide-all": choices.hide_all, "hide-future": choices.hide_future,
        "emergency-switch": choices.switches, "cross-border": choices.cross_border, "service": choices.services,
    }  # fmt: skip
    assert kinds == {kind for kind, there in made.items() if there}
    assert kinds <= set(KINDS)
    assert not any("urn:test" in key for key in MIRROR.mirrors(choices))
    lasting = PersonChoices("p", blocked=choices.blocked, hidden=choices.hidden, hide_all=choices.hide_all)
    said = {one.kind for one in in_force(lasting, POLICY, NOW, UTC)}
    assert said - {"emergency-switch"} == {key.partition(":")[0] for key in MIRROR.mirrors(lasting)}


def test_each_choice_has_a_mirror_of_its_own() -> None:
    always = Period(NOW)
    choices = PersonChoices(
        "p",
        authorisations=(
            Authorisation("urn:a|1", "consent", always),
            Authorisation("urn:a|2", "consent", always),
            Authorisation("urn:a|1", "care-team", always),
            Authorisation("urn:a|1", "consent", always, "s1"),
        ),
        blocked=(Block("urn:a|3", NOW), Block("urn:a|4", NOW)),
        roles=(Role("caregiver", "urn:a|5", always), Role("caregiver", "urn:a|6", always)),
        services=(Service("x", ("report",), always), Service("y", ("report",), always)),
    )
    assert len(MIRROR.mirrors(choices)) == 4 + 2 + 2 + 2


def test_keys_last_while_a_choice_changes() -> None:
    before = PersonChoices("p", authorisations=(Authorisation("urn:a|1", "consent", Period(NOW)),))
    later = Period(NOW, NOW + timedelta(days=9))
    after = PersonChoices("p", authorisations=(Authorisation("urn:a|1", "consent", later),))
    assert MIRROR.mirrors(before).keys() == MIRROR.mirrors(after).keys()
    assert MIRROR.mirrors(before) != MIRROR.mirrors(after)


SWITCHES = [
    pytest.param(
        "regulation", "http://terminology.hl7.org/CodeSystem/v3-ActReason", "ETREAT", id="regulation"
    ),
    pytest.param(
        "break-glass", "http://terminology.hl7.org/CodeSystem/v3-ActReason", "BTG", id="break-glass"
    ),
    pytest.param("masked", "https://example.org/CodeSystem/emergency-switch", "MASKED", id="masked"),
]


@pytest.mark.parametrize(("name", "system", "code"), SWITCHES)
@pytest.mark.parametrize("on", [True, False])
def test_a_switch_is_a_purpose(name: str, system: str, code: str, on: bool) -> None:
    [body] = MIRROR.mirrors(PersonChoices("p", switches={name: on})).values()
    assert body["provision"] == {
        "type": "permit" if on else "deny",
        "purpose": [{"system": system, "code": code}],
    }


def test_a_block_denies_its_party() -> None:
    [body] = MIRROR.mirrors(PersonChoices("p", blocked=(Block("urn:oid:1.2|77", NOW),))).values()
    [actor] = body["provision"]["actor"]
    assert body["provision"]["type"] == "deny"
    assert actor["role"]["coding"][0]["code"] == "IRCP"
    assert actor["reference"] == {"identifier": {"system": "urn:oid:1.2", "value": "77"}}


def test_from_some_countries_is_an_exception_to_none() -> None:
    choices = PersonChoices("p", cross_border=CrossBorder(True, ("ES",), ("synthesis",)))
    [body] = MIRROR.mirrors(choices).values()
    [named] = body["provision"]["provision"]
    assert (body["provision"]["type"], named["type"]) == ("deny", "permit")
    assert named["actor"][0]["reference"]["identifier"]["value"] == "ES"
    assert named["securityLabel"][0]["code"] == "synthesis"


SECRET = PersonChoices(
    "p",
    authorisations=(Authorisation("urn:test:a|1", "consent", Period(None, None), secret=True),),
    hidden=frozenset({"Observation/1"}),
    hidden_secretly=frozenset({"Observation/1"}),
)


def test_the_mirror_of_a_secret_choice_has_the_label_that_withholds_it() -> None:
    found = MIRROR.mirrors(SECRET).values()
    assert {each["meta"]["security"][0]["code"] for each in found if "meta" in each} == {
        "INVISIBLE_REPRESENTANTS_LEGAUX"
    }
    assert sum("meta" in each for each in found) == 2


def test_what_no_label_of_the_policy_withholds_is_not_mirrored_at_all() -> None:
    labels = {name: label for name, label in POLICY.labels.items() if name != WITHHELD_FROM_REPRESENTATIVES}
    mirror = Mirror(replace(POLICY, labels=labels), "https://example.org")
    assert mirror.mirrors(SECRET) == mirror.mirrors(PersonChoices("p"))
