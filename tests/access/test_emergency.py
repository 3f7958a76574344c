"""All 32 emergency outcomes: three switches of the person, two modes, an item hidden or not."""

from __future__ import annotations

from itertools import product

import pytest

from fhir_server.access.decide import decide
from fhir_server.access.policy_file import load_policy
from tests.access.cases import NOW, OWNER, Chooser, doctor, item, outcome, regulator, urgent

POLICY = load_policy("fr")

CASES = [
    pytest.param(*case, id="-".join(f"{name}={value}" for name, value in zip(
        ("regulation", "break-glass", "masked", "mode", "item"), case, strict=True
    )))
    for case in product((True, False), (True, False), (True, False), ("ETREAT", "BTG"), ("normal", "hidden"))
]  # fmt: skip


def test_there_are_32_outcomes() -> None:
    assert len(CASES) == 32


@pytest.mark.parametrize(("regulation", "break_glass", "masked", "mode", "kind"), CASES)
def test_an_emergency_opens_what_the_person_left_open(
    regulation: bool, break_glass: bool, masked: bool, mode: str, kind: str
) -> None:
    chooser = Chooser(POLICY).switch("regulation", regulation)
    chosen = chooser.switch("break-glass", break_glass).switch("masked", masked).choices
    actor = regulator() if mode == "ETREAT" else urgent(doctor)
    facts = item(POLICY, "report", *(("masked",) if kind == "hidden" else ()))
    opposed = not (regulation if mode == "ETREAT" else break_glass)
    expected = "refused" if opposed else "seen" if kind == "normal" or masked else "hidden"
    assert outcome(POLICY, actor, chosen, facts, mode) == expected


def test_without_a_choice_an_emergency_opens_what_is_not_hidden() -> None:
    assert outcome(POLICY, urgent(doctor), None, item(POLICY), "BTG") == "seen"
    assert outcome(POLICY, regulator(), None, item(POLICY), "ETREAT") == "seen"
    assert outcome(POLICY, urgent(doctor), None, item(POLICY, "report", "masked"), "BTG") == "hidden"


@pytest.mark.parametrize(("purpose", "mode"), [("ETREAT", "regulation"), ("BTG", "break-glass")])
def test_an_emergency_is_told_to_the_person_and_the_treating_doctor(purpose: str, mode: str) -> None:
    view = decide(POLICY, urgent(regulator()), purpose, OWNER, None, NOW)
    assert view.tells == ("person", "treating-doctor")
    assert view.mode == mode


def test_the_matrix_holds_in_an_emergency() -> None:
    assert outcome(POLICY, urgent(doctor), None, item(POLICY, "residence"), "BTG") == "hidden"


def test_the_treating_doctor_needs_no_switch() -> None:
    chosen = Chooser(POLICY).role("treating-doctor", doctor.identity).switch("break-glass", False).choices
    assert outcome(POLICY, urgent(doctor), chosen, item(POLICY, "report", "masked"), "BTG") == "seen"
