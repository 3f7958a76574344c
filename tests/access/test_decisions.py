"""What the law leaves open is a switch of the policy: both readings, each with what it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fhir_server.access.decide import decide
from fhir_server.access.policy import Policy
from fhir_server.access.policy_file import load_policy
from fhir_server.model.actor import Actor
from fhir_server.model.outcome import FhirError
from tests.access.cases import (
    DOCTOR,
    HOSPITAL,
    NOW,
    OWNER,
    Chooser,
    doctor,
    item,
    outcome,
    regulator,
    urgent,
)

SHIPPED = Path(__file__).parent.parent.parent / "policy"

abroad = Actor("gateway", "urn:ncp|BE", country="BE", reason="unconscious")


def blocked(policy: Policy, actor: Actor, purpose: str, *authors: str) -> str:
    chosen = Chooser(policy).block(DOCTOR).choices
    return outcome(policy, actor, chosen, item(policy, authors=authors), purpose)


def overridden(policy: Policy) -> object:
    return blocked(policy, urgent(doctor), "BTG"), blocked(policy, regulator(), "ETREAT")


def kept(policy: Policy) -> object:
    return blocked(policy, doctor, "TREAT", DOCTOR, HOSPITAL), blocked(policy, doctor, "TREAT")


def told(policy: Policy) -> object:
    return "attempt" in policy.notices


def together(policy: Policy) -> object:
    return bool(policy.forbidden_together)


def vital(policy: Policy) -> object:
    return outcome(policy, abroad, None, item(policy, "synthesis"), "BTG")


def declared(policy: Policy) -> object:
    try:
        return sorted(decide(policy, doctor, "TREAT", OWNER, None, NOW).operations or ())
    except FhirError as error:
        return type(error).__name__


CASES = [
    pytest.param(
        "emergency-overrides-block",
        overridden,
        ("refused", "refused"),
        ("seen", "seen"),
        id="emergency-overrides-block",
    ),
    pytest.param(
        "depositor-keeps-access-when-blocked",
        kept,
        ("refused", "refused"),
        ("seen", "hidden"),
        id="depositor-keeps-access",
    ),
    pytest.param("attempts-are-told", told, True, False, id="attempts-are-told"),
    pytest.param("masked-and-withheld-together", together, True, False, id="masked-and-withheld"),
    pytest.param("cross-border-vital-interest", vital, "refused", "seen", id="vital-interest"),
    pytest.param("professionals-declare-consent", declared, ["$authorise"], "FhirError", id="declaration"),
]


def turned(folder: Path, name: str) -> Policy:
    """Return the shipped policy with one decision the other way."""
    text = (SHIPPED / "fr.toml").read_text("utf-8")
    on, off = f"{name} = {{ value = true", f"{name} = {{ value = false"
    text = text.replace(on, off) if on in text else text.replace(off, on)
    (folder / "fr-matrix-sample.csv").write_bytes((SHIPPED / "fr-matrix-sample.csv").read_bytes())
    (folder / "other.toml").write_text(text, "utf-8")
    return load_policy(str(folder / "other.toml"))


@pytest.mark.parametrize(("name", "asked", "shipped", "other"), CASES)
def test_a_decision_changes_what_it_says(
    tmp_path: Path, name: str, asked: Callable[[Policy], object], shipped: object, other: object
) -> None:
    assert asked(load_policy("fr")) == shipped
    assert asked(turned(tmp_path, name)) == other


def test_every_decision_has_a_case() -> None:
    assert {str(case.values[0]) for case in CASES} == set(load_policy("fr").decisions)


def test_every_decision_is_explained() -> None:
    page = (SHIPPED.parent / "docs" / "policy.md").read_text("utf-8")
    assert [name for name in load_policy("fr").decisions if f"`{name}`" not in page] == []


def test_a_vital_interest_needs_a_reason_even_where_it_counts(tmp_path: Path) -> None:
    policy = turned(tmp_path, "cross-border-vital-interest")
    silent = replace(abroad, reason=None)
    assert outcome(policy, silent, None, item(policy, "synthesis"), "BTG") == "reason-needed"
