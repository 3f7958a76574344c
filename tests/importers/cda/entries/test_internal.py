"""References between entries: by the id, and by the code where several entries have one id."""

from __future__ import annotations

import pytest

from tests.importers.cda.entries.statements import behind, codes, kinds, one, section_of

ICD = 'codeSystem="2.16.840.1.113883.6.3"'
ID = '<id root="12DA3A06-18E7-40B7-9397-1FA5B1552472"/>'


def problem(code: str) -> str:
    return (
        '<observation classCode="OBS" moodCode="EVN"><templateId root="1.2.250.1.213.1.1.3.37"/>'
        f'{ID}<code code="282291009" codeSystem="2.16.840.1.113883.6.96"/>'
        f'<value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CD" code="{code}" {ICD}/>'
        "</observation>"
    )


def procedure(code: str | None, relation: str = "RSON") -> str:
    said = "" if code is None else f'<code code="{code}" {ICD}/>'
    return (
        '<procedure classCode="PROC" moodCode="EVN"><templateId root="1.2.250.1.213.1.1.3.62"/>'
        f'<code code="DDAF004" codeSystem="1.2.250.1.213.2.5"/><entryRelationship typeCode="{relation}">'
        '<act classCode="ACT" moodCode="EVN"><templateId root="1.2.250.1.213.1.1.3.36"/>'
        f"{ID}{said}</act></entryRelationship></procedure>"
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param("G45.9", "G45.9", id="first"),
        pytest.param("I20.0", "I20.0", id="second"),
        pytest.param(None, "G45.9", id="no-code"),
    ],
)
def test_of_entries_with_one_id_the_one_with_the_same_code_is_meant(said: str | None, reason: str) -> None:
    cv = section_of(problem("G45.9"), problem("I20.0"), procedure(said))
    found = one(cv, "Procedure")
    assert [codes(behind(cv, each)["code"]) for each in found["reasonReference"]] == [[reason]]
    assert "reasonCode" not in found


def test_an_entry_with_another_code_is_no_reason_but_the_code_is() -> None:
    cv = section_of(problem("N10"), procedure("I21.1"))
    found = one(cv, "Procedure")
    assert "reasonReference" not in found
    assert [codes(each) for each in found["reasonCode"]] == [["I21.1"]]
    assert "reference" in kinds(cv)


@pytest.mark.parametrize(
    ("relation", "element"),
    [pytest.param("RSON", "reasonCode", id="reason"), pytest.param("REFR", "usedCode", id="used")],
)
def test_a_reference_to_nothing_leaves_its_code(relation: str, element: str) -> None:
    found = one(section_of(procedure("I21.1", relation)), "Procedure")
    assert [codes(each) for each in found[element]] == [["I21.1"]]
