"""When something is to be done, again and again."""

from __future__ import annotations

import pytest

from importers.cda.datatypes import timings
from importers.cda.xml import children
from tests.importers.cda.datatypes.test_numbers import shown
from tests.importers.cda.documents import first, unused

DAY = '<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="1" unit="d"/></effectiveTime>'
BOUNDS = '<effectiveTime xsi:type="IVL_TS"><low value="2020"/><high value="2021"/></effectiveTime>'


def event(code: str, rest: str = "") -> str:
    return f'<effectiveTime xsi:type="EIVL_TS" operator="A"><event code="{code}"/>{rest}</effectiveTime>'


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        pytest.param(DAY, [{"repeat": {"frequency": "n1", "period": "n1", "periodUnit": "d"}}], id="every-day"),
        pytest.param(DAY.replace('"1" unit="d"', '"8" unit="h"'), [{"repeat": {"frequency": "n1", "period": "n8", "periodUnit": "h"}}], id="every-eight-hours"),
        pytest.param(
            DAY.replace('operator="A"', 'institutionSpecified="true"').replace('"1" unit="d"', '"8" unit="h"'),
            [{"repeat": {"frequency": "n3", "period": "n1", "periodUnit": "d"}}],
            id="three-times-a-day",
        ),
        pytest.param(
            BOUNDS + DAY,
            [{"repeat": {"boundsPeriod": {"start": "2020", "end": "2021"}, "frequency": "n1", "period": "n1", "periodUnit": "d"}}],
            id="bounded",
        ),
        pytest.param(
            '<effectiveTime xsi:type="IVL_TS"><width value="10" unit="d"/></effectiveTime>',
            [{"repeat": {"boundsDuration": {"value": "n10", "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}}}],
            id="duration",
        ),
        pytest.param(event("ACM"), [{"repeat": {"when": ["ACM"]}}], id="before-breakfast"),
        pytest.param(event("PCM") + event("PCV"), [{"repeat": {"when": ["PCM", "PCV"]}}], id="twice-a-day-with-meals"),
        pytest.param(event("HS", '<offset><low value="1" unit="h"/></offset>'), [{"repeat": {"when": ["HS"], "offset": "n60"}}], id="an-hour-before-sleep"),
        pytest.param(
            '<effectiveTime xsi:type="SXPR_TS"><comp xsi:type="IVL_TS"><low value="20211201"/><width value="2" unit="d"/></comp>'
            '<comp xsi:type="PIVL_TS" operator="A"><period value="8" unit="h"/></comp></effectiveTime>',
            [{"repeat": {"boundsPeriod": {"start": "2021-12-01", "end": "2021-12-02"}, "frequency": "n1", "period": "n8", "periodUnit": "h"}}],
            id="expression",
        ),
        pytest.param(
            DAY + DAY.replace('"1" unit="d"', '"1" unit="wk"'),
            [{"repeat": {"frequency": "n1", "period": "n1", "periodUnit": "d"}}, {"repeat": {"frequency": "n1", "period": "n1", "periodUnit": "wk"}}],
            id="two-rhythms",
        ),
        pytest.param('<effectiveTime value="20210101"/>', [{"event": ["2021-01-01"]}], id="point"),
        pytest.param(
            DAY.replace("/></", "><translation><originalText>le matin</originalText></translation></period></"),
            [{"repeat": {"frequency": "n1", "period": "n1", "periodUnit": "d"}, "code": {"text": "le matin"}}],
            id="words",
        ),
        pytest.param(
            DAY.replace("<period", '<phase><low value="202101010800+0100"/><width value="30" unit="min"/></phase><period'),
            [{"repeat": {"frequency": "n1", "period": "n1", "periodUnit": "d", "timeOfDay": ["08:00:00"], "duration": "n30", "durationUnit": "min"}}],
            id="phase",
        ),
        pytest.param('<effectiveTime xsi:type="PIVL_TS" nullFlavor="UNK"/>', [], id="unknown"),
        pytest.param("<effectiveTime/>", [], id="nothing"),
    ],
)  # fmt: skip
def test_times_are_a_timing(inner: str, expected: object) -> None:
    cv, node = first(f"<x>{inner}</x>")
    assert shown(timings(cv, children(node))) == expected
    assert not unused(cv)


def test_an_event_that_fhir_does_not_have_is_reported_and_stays_unused() -> None:
    cv, node = first(f"<x>{event('ICM')}</x>")
    assert timings(cv, children(node)) == []
    assert [issue.kind for issue in cv.issues] == ["code"]
    assert "x/effectiveTime/event@code" in unused(cv)


def test_a_period_of_nothing_is_no_rhythm() -> None:
    cv, node = first("<x>" + DAY.replace('"1" unit', '"0" unit') + "</x>")
    assert timings(cv, children(node)) == []
    assert "x/effectiveTime/period@value" in unused(cv)
