"""No rule sits in code: an invented realm with other words is decided as its own file says."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from fhir_server.access.choices import (
    Authorisation,
    PersonChoices,
    Role,
    no_choices,
    with_authorisation,
    with_block,
    with_hidden,
    with_role,
    with_switch,
)  # fmt: skip
from fhir_server.access.decide import decide
from fhir_server.access.policy import Policy
from fhir_server.access.policy_file import load_policy
from fhir_server.model.actor import Actor
from fhir_server.model.outcome import FhirError
from fhir_server.model.predicate import matches
from tests.access.cases import EARLIER, NOW, OWNER, item, outcome, write_outcome
from tests.access.realm import write_realm

ROOT = Path(__file__).parent.parent.parent

HUT = "urn:isles:hut|3"
surgeon = Actor("guild", "urn:isles:member|1", profession="urn:isles:craft|1", structure=HUT)
singer = Actor("guild", "urn:isles:member|2", profession="singer", structure=HUT, reason="waves")
sailor = Actor("sailor", "urn:isles:member|3", profession="herbalist")
elder = Actor("elder", "urn:isles:elder|1")
islander = Actor("islander", OWNER)
tenant = Actor(
    "guild", "urn:isles:member|4", profession=surgeon.profession, structure="urn:isles:hut|4", parents=(HUT,)
)

Chosen = Callable[[Policy, PersonChoices], PersonChoices]


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return load_policy(write_realm(tmp_path_factory.mktemp("realm")))


def nothing(policy: Policy, choices: PersonChoices) -> PersonChoices:
    return choices


def guest(policy: Policy, choices: PersonChoices) -> PersonChoices:
    return with_authorisation(policy, choices, Authorisation(HUT, "guest"), EARLIER)


def sailing(policy: Policy, choices: PersonChoices) -> PersonChoices:
    return with_authorisation(policy, choices, Authorisation(sailor.identity, "guest"), EARLIER)


def setter(policy: Policy, choices: PersonChoices) -> PersonChoices:
    return with_role(policy, choices, Role("bone-setter", surgeon.identity), EARLIER)


def wise(policy: Policy, choices: PersonChoices) -> PersonChoices:
    return with_role(policy, choices, Role("wise", elder.identity, categories=("song",)), EARLIER)


def banished(policy: Policy, choices: PersonChoices) -> PersonChoices:
    return with_block(policy, guest(policy, choices), surgeon.identity, EARLIER)


def lit(policy: Policy, choices: PersonChoices) -> PersonChoices:
    return with_switch(policy, choices, "lighthouse", True, EARLIER)


@pytest.mark.parametrize(("actor", "purpose", "chosen", "class_name", "labels", "expected"), [
    pytest.param(islander, "HEALING", nothing, "scar", ("masked", "taboo"), "seen", id="oneself"),
    pytest.param(islander, "HEALING", nothing, "scar", ("withheld-from-person",), "hidden", id="untold"),
    pytest.param(elder, "HEALING", wise, "song", (), "seen", id="elder-granted"),
    pytest.param(elder, "HEALING", wise, "brew", (), "hidden", id="elder-not-granted"),
    pytest.param(elder, "HEALING", wise, "song", ("withheld-from-representatives",), "hidden", id="elder-kept"),
    pytest.param(surgeon, "HEALING", nothing, "scar", (), "refused", id="stranger"),
    pytest.param(surgeon, "HEALING", guest, "scar", (), "seen", id="guest-matrix-yes"),
    pytest.param(surgeon, "HEALING", guest, "song", (), "hidden", id="guest-matrix-no"),
    pytest.param(tenant, "HEALING", guest, "scar", (), "refused", id="guest-is-not-who-is-below-it"),
    pytest.param(surgeon, "HEALING", guest, "scar", ("taboo",), "hidden", id="guest-label-of-the-realm"),
    pytest.param(surgeon, "HEALING", banished, "scar", (), "refused", id="banished"),
    pytest.param(surgeon, "HEALING", setter, "song", ("masked",), "seen", id="bone-setter-veiled"),
    pytest.param(surgeon, "HEALING", setter, "song", ("taboo",), "hidden", id="bone-setter-taboo"),
    pytest.param(sailor, "HEALING", sailing, "brew", (), "seen", id="sailor-as-guest"),
    pytest.param(surgeon, "SHIPWRECK", guest, "scar", (), "reason-needed", id="storm-without-reason"),
    pytest.param(singer, "SHIPWRECK", lit, "song", (), "refused", id="storm-for-singers"),
    pytest.param(Actor("pirate", "x|1"), "HEALING", guest, "brew", (), "refused", id="pirate"),
    pytest.param(surgeon, "TREAT", guest, "scar", (), "refused", id="purpose-of-elsewhere"),
])  # fmt: skip
def test_the_realm_decides(
    realm: Policy, actor: Actor, purpose: str, chosen: Chosen, class_name: str, labels: tuple[str, ...],
    expected: str,
) -> None:  # fmt: skip
    choices = chosen(realm, no_choices(OWNER))
    facts = item(realm, class_name, *labels, resource_type="Composition")
    assert outcome(realm, actor, choices, facts, purpose) == expected


def test_a_switch_of_the_realm_lifts_its_veil(realm: Policy) -> None:
    asking = Actor("guild", "urn:isles:member|5", profession="surgeon", reason="waves")
    veiled = item(realm, "brew", "masked", resource_type="Composition")
    assert outcome(realm, asking, None, veiled, "SHIPWRECK") == "refused"
    assert outcome(realm, asking, lit(realm, no_choices(OWNER)), veiled, "SHIPWRECK") == "seen"


def test_levels_of_the_realm_limit_a_guest(realm: Policy) -> None:
    choices = guest(realm, no_choices(OWNER))
    for level, expected in ((0, "seen"), (3, "hidden")):
        facts = item(realm, "brew", resource_type="Composition", level=level)
        assert outcome(realm, surgeon, choices, facts, "HEALING") == expected


def test_types_of_the_realm(realm: Policy) -> None:
    assert realm.class_of({"resourceType": "MedicationStatement"}) == 2
    tea = {"resourceType": "Composition", "type": {"coding": [{"system": "urn:isles:kind", "code": "tea"}]}}
    assert realm.class_of(tea) == 2
    assert realm.class_of({"resourceType": "Composition"}) == 0
    assert realm.class_of({"resourceType": "DocumentReference"}) == 0


def test_what_the_realm_makes_unreadable_stays_so(realm: Policy) -> None:
    bill = item(realm, "", resource_type="ExplanationOfBenefit")
    assert outcome(realm, islander, None, bill, "HEALING") == "refused"


def test_a_guest_writes_the_named_types_only(realm: Policy) -> None:
    choices = guest(realm, no_choices(OWNER))
    for resource_type, expected in (("Communication", "allowed"), ("Composition", "not-allowed")):
        own = item(realm, "song", authors=(surgeon.identity,), resource_type=resource_type)
        assert write_outcome(realm, surgeon, choices, own, "HEALING") == expected


def test_a_chronicler_sees_all_persons_and_nothing_of_their_records(realm: Policy) -> None:
    view = decide(realm, Actor("chronicler", "x|9"), "HEALING", None, None, NOW)
    assert matches(view.reads("Patient"), item(realm, "", resource_type="Patient", owner="another"))
    assert matches(view.reads("AuditEvent"), item(realm, "", resource_type="AuditEvent", owner="another"))
    assert not matches(view.reads("Composition"), item(realm, "brew", owner="another"))


def test_limits_of_the_realm(realm: Policy) -> None:
    choices = no_choices(OWNER)
    for name in ("1", "2"):
        choices = with_hidden(realm, choices, f"Composition/{name}", NOW)
    with pytest.raises(FhirError, match="At most 2 items"):
        with_hidden(realm, choices, "Composition/3", NOW)


def test_no_name_of_a_shipped_realm_stands_in_the_server() -> None:
    words = {"MASQUE_PS", "ETREAT", "BTG", "treating-doctor", "care-team", "Europe/Paris", "TRE_A07"}
    found = {
        f"{file.name}: {node.value}"
        for file in sorted((ROOT / "fhir_server" / "access").glob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in words
    }
    assert found == set()
