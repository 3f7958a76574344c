"""The work of a conversion grows with the document, not with its square: counted in calls, not in time."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from tests.importers.cda.entries.statements import made, section_of

PRESSURE = (
    '<component><observation classCode="OBS" moodCode="EVN">'
    '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.13.2"/>'
    '<code code="{}" codeSystem="2.16.840.1.113883.6.1"/><value xsi:type="PQ" value="1" unit="mm[Hg]"/>'
    "</observation></component>"
)
CONCERN = '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5.2"/>'
PART = '<entryRelationship typeCode="SUBJ"><{0} classCode="OBS" moodCode="EVN">{1}</{0}></entryRelationship>'
PROBLEM = PART.format(
    "observation",
    '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5"/><code code="1" codeSystem="2.999"/>'
    '<value xsi:type="CD" code="2" codeSystem="2.999"/>',
)
SEVERITY = PART.format(
    "observation",
    '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.1"/><value xsi:type="CD" code="3" codeSystem="2.999"/>',
)
COMMENT = PART.format(
    "act",
    '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.2"/><code code="48767-8"/><text>words {number}</text>',
)
AUTHOR = (
    '<author><time value="2020"/><assignedAuthor><id root="2.999.1" extension="{number}"/>'
    "<assignedPerson><name><family>House</family></name></assignedPerson></assignedAuthor></author>"
)


def panel(measurements: int) -> str:
    both = PRESSURE.format("8480-6") + PRESSURE.format("8462-4")
    return f'<organizer classCode="CLUSTER" moodCode="EVN"><code code="1"/>{both * measurements}</organizer>'


def concern(problems: int, beside: str) -> str:
    more = "".join(beside.format(number=number) for number in range(problems))
    return f'<act classCode="ACT" moodCode="EVN">{CONCERN}{more}{PROBLEM * problems}</act>'


def test_pressures_of_one_panel_are_paired_once() -> None:
    section_of(panel(2))
    small, large = calls(panel(20), "Observation", 21), calls(panel(80), "Observation", 81)
    assert large < small * 6


@pytest.mark.parametrize(
    "beside",
    [
        pytest.param("", id="nothing"),
        pytest.param(SEVERITY, id="parts"),
        pytest.param(COMMENT, id="comments"),
        pytest.param(AUTHOR, id="authors"),
    ],
)
def test_what_stands_beside_the_problems_of_a_concern_is_read_once(beside: str) -> None:
    section_of(concern(2, beside))
    small = calls(concern(50, beside), "Condition", 50)
    large = calls(concern(200, beside), "Condition", 200)
    assert large < small * 6


def calls(entry: str, resource_type: str, expected: int) -> int:
    count = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        cv = section_of(entry)
    finally:
        sys.setprofile(before)
    assert len(made(cv, resource_type)) == expected
    return count
