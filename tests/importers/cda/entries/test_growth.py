"""The work of a conversion grows with the document, not with its square: counted in calls, not in time."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from tests.importers.cda.entries.statements import made, section_of

PRESSURE = (
    '<component><observation classCode="OBS" moodCode="EVN">'
    '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.13.2"/>'
    '<code code="{}" codeSystem="2.16.840.1.113883.6.1"/><value xsi:type="PQ" value="1" unit="mm[Hg]"/>'
    "</observation></component>"
)


def panel(measurements: int) -> str:
    both = PRESSURE.format("8480-6") + PRESSURE.format("8462-4")
    return f'<organizer classCode="CLUSTER" moodCode="EVN"><code code="1"/>{both * measurements}</organizer>'


def test_pressures_of_one_panel_are_paired_once() -> None:
    section_of(panel(2))
    small, large = calls(20), calls(80)
    assert large < small * 6


def calls(measurements: int) -> int:
    count = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        cv = section_of(panel(measurements))
    finally:
        sys.setprofile(before)
    assert len(made(cv, "Observation")) == measurements + 1
    return count
