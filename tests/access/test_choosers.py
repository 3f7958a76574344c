"""Who may give a role or declare an authorisation: as the file of a realm says, whatever it calls them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from fhir_server.access.choices import (
    Authorisation,
    Period,
    PersonChoices,
    Role,
    no_choices,
    with_authorisation,
    with_role,
)
from fhir_server.access.choosers import check_setter, declared
from fhir_server.access.policy import Policy
from fhir_server.access.policy_file import PolicyRefused, load_policy
from fhir_server.access.relations import relations_of
from fhir_server.model.actor import Actor
from fhir_server.model.outcome import FhirError
from tests.access.cases import EARLIER, NOW, OWNER
from tests.access.realm import write_realm

SETTER, STRANGER = Actor("guild", "urn:isles:member|1"), Actor("guild", "urn:isles:member|2")
SAILOR, ISLANDER = Actor("sailor", "urn:isles:member|3"), Actor("islander", OWNER)
ELDER = Actor("elder", "urn:isles:elder|1")


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return load_policy(write_realm(tmp_path_factory.mktemp("realm")))


@pytest.fixture
def choices(realm: Policy) -> PersonChoices:
    return with_role(realm, no_choices(OWNER), Role("bone-setter", SETTER.identity), EARLIER)


def birthday(realm: Policy, *, grown: bool) -> date:
    """Return the birthday of who comes of age today, or tomorrow."""
    day = NOW.date().replace(year=NOW.year - 7)
    found = [day + timedelta(days=n) for n in range(-2, 3)]
    age = realm.relations["wise"].until_age
    assert age is not None
    reached = [one for one in found if realm.comes_of(age, one) <= NOW]
    return reached[-1] if grown else found[len(reached)]


@pytest.mark.parametrize(
    ("actor", "role", "grown", "personal", "allowed"),
    [
        pytest.param(SAILOR, "wise", False, False, True, id="a-role-that-is-named"),
        pytest.param(SETTER, "wise", False, False, True, id="a-relation-that-is-named"),
        pytest.param(STRANGER, "wise", False, False, False, id="without-the-relation"),
        pytest.param(ISLANDER, "wise", False, True, False, id="the-person-as-a-child"),
        pytest.param(ISLANDER, "wise", True, True, True, id="the-person-grown-up"),
        pytest.param(ELDER, "wise", True, True, False, id="one-elder-appoints-no-other"),
        pytest.param(ISLANDER, "bone-setter", False, True, True, id="nobody-named-the-person"),
        pytest.param(SAILOR, "bone-setter", False, False, False, id="nobody-named-somebody-else"),
    ],
)
def test_who_may_give_a_role(
    realm: Policy,
    choices: PersonChoices,
    actor: Actor,
    role: str,
    grown: bool,
    personal: bool,
    allowed: bool,
) -> None:
    born = birthday(realm, grown=grown)
    try:
        check_setter(realm, role, actor, choices, NOW, born=born, personal=personal)
    except FhirError as error:
        assert (allowed, error.issues[0].situation) == (False, "refused")
    else:
        assert allowed


def test_who_has_no_known_birthday_is_not_grown(realm: Policy, choices: PersonChoices) -> None:
    with pytest.raises(FhirError):
        check_setter(realm, "wise", ISLANDER, choices, NOW, born=None, personal=True)


def test_a_role_ends_at_the_midnight_of_the_realm_on_the_birthday(realm: Policy) -> None:
    born = date(2019, 11, 23)
    given = with_role(realm, no_choices(OWNER), Role("wise", ELDER.identity), NOW, born=born)
    (role,) = given.roles
    assert role.period.until is not None
    age = realm.relations["wise"].until_age
    assert age is not None and role.period.until == realm.comes_of(age, born)
    before, after = role.period.until - timedelta(seconds=1), role.period.until
    assert "wise" in relations_of(realm, ELDER, given, before)
    assert "wise" not in relations_of(realm, ELDER, given, after)
    # Chatham is 13:45 ahead in November: its midnight is the morning before in UTC.
    assert role.period.until.isoformat() == "2026-11-22T10:15:00+00:00"


def test_a_declaration_lasts_as_long_as_the_realm_says(realm: Policy, choices: PersonChoices) -> None:
    wanted = Authorisation(STRANGER.identity, "guest")
    given = declared(realm, wanted, SETTER, choices, NOW)
    assert given.period.until == NOW + timedelta(hours=2)
    sooner = Authorisation(STRANGER.identity, "guest", Period(None, NOW + timedelta(hours=1)))
    assert declared(realm, sooner, SETTER, choices, NOW) == sooner
    later = Authorisation(STRANGER.identity, "guest", Period(None, NOW + timedelta(hours=3)))
    with pytest.raises(FhirError) as refused:
        declared(realm, later, SETTER, choices, NOW)
    assert refused.value.issues[0].situation == "illegal-choice"


def test_a_declaration_does_not_move_the_end_that_the_person_chose(
    realm: Policy, choices: PersonChoices
) -> None:
    end = NOW + timedelta(minutes=5)
    chosen = Authorisation(STRANGER.identity, "guest", Period(None, end))
    own = with_authorisation(realm, choices, chosen, EARLIER)
    wanted = Authorisation(STRANGER.identity, "guest")
    assert declared(realm, wanted, SETTER, own, NOW).period.until is None


def test_who_is_not_named_declares_nothing(realm: Policy, choices: PersonChoices) -> None:
    with pytest.raises(FhirError) as refused:
        declared(realm, Authorisation(STRANGER.identity, "guest"), STRANGER, choices, NOW)
    assert refused.value.issues[0].situation == "refused"


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        pytest.param('set_by = ["sailor"', 'set_by = ["kraken"', "wise.set_by", id="unknown-name"),
        pytest.param('until_age = "P7Y"\n', "", "wise.set_by_grown", id="grown-without-an-age"),
        pytest.param('declared_for = "PT2H"', 'declared_for = "P"', "guest.declared_for", id="no-duration"),
    ],
)
def test_a_policy_that_names_nobody_is_refused(
    tmp_path_factory: pytest.TempPathFactory, before: str, after: str, says: str
) -> None:
    path = Path(write_realm(tmp_path_factory.mktemp("realm")))
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")
    with pytest.raises(PolicyRefused, match=says):
        load_policy(str(path))
