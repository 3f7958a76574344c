"""Vital signs: the two pressures of one measurement, panels, and what keeps pressures apart."""

from __future__ import annotations

import pytest

from tests.importers.cda.entries.statements import codes, made, one, section_of

LOINC = 'codeSystem="2.16.840.1.113883.6.1"'
SIGN = '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.13.2"/>'
PANEL = '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.13.1"/>'


def sign(code: str, value: str, time: str = "20240102", attributes: str = "", id_: str = "1") -> str:
    return (
        f'<observation classCode="OBS" moodCode="EVN" {attributes}>{SIGN}<id root="1.2.3" extension="{id_}"/>'
        f'<code code="{code}" {LOINC}/><statusCode code="completed"/><effectiveTime value="{time}"/>'
        f'<value xsi:type="PQ" value="{value}" unit="mm[Hg]"/></observation>'
    )


def panel(*signs: str) -> str:
    inside = "".join(f"<component>{each}</component>" for each in signs)
    return (
        f'<organizer classCode="CLUSTER" moodCode="EVN">{PANEL}<code code="46680005" '
        f'codeSystem="2.16.840.1.113883.6.96"/><statusCode code="completed"/>{inside}</organizer>'
    )


def pressures(*signs: str) -> list[list[tuple[str, str]]]:
    """Return, of each Observation of two pressures, the codes and values of its components."""
    return [
        [(codes(part["code"])[0], str(part["valueQuantity"]["value"])) for part in each["component"]]
        for each in made(section_of(panel(*signs)), "Observation")
        if codes(each["code"]) == ["85354-9"]
    ]


@pytest.mark.parametrize(
    "order", [pytest.param(1, id="systolic-first"), pytest.param(-1, id="diastolic-first")]
)
def test_both_pressures_make_one_observation(order: int) -> None:
    signs = [sign("8480-6", "120", id_="a"), sign("8462-4", "80", id_="b")][::order]
    assert pressures(*signs) == [[("8480-6", "120"), ("8462-4", "80")]]


def test_the_panel_has_the_pressure_once_beside_other_signs() -> None:
    cv = section_of(panel(sign("8480-6", "120"), sign("8867-4", "60"), sign("8462-4", "80")))
    whole = next(each for each in made(cv, "Observation") if codes(each["code"]) == ["46680005"])
    assert len(whole["hasMember"]) == len({each["reference"] for each in whole["hasMember"]}) == 2
    categories = [codes(each["category"][0]) for each in made(cv, "Observation")]
    assert categories == [["vital-signs"]] * len(categories)
    assert len(categories) > 2


def test_identifiers_of_both_are_kept() -> None:
    cv = section_of(panel(sign("8480-6", "120", id_="a"), sign("8462-4", "80", id_="b")))
    pressure = next(each for each in made(cv, "Observation") if codes(each["code"]) == ["85354-9"])
    assert [each["value"] for each in pressure["identifier"]] == ["a", "b"]


def test_several_measurements_are_paired_in_their_order() -> None:
    signs = [
        sign("8480-6", "120", "20240102"),
        sign("8462-4", "80", "20240102"),
        sign("8480-6", "130", "20240103"),
        sign("8462-4", "85", "20240103"),
    ]
    assert pressures(*signs) == [
        [("8480-6", "120"), ("8462-4", "80")],
        [("8480-6", "130"), ("8462-4", "85")],
    ]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(sign("8462-4", "80", "20240103"), id="another-time"),
        pytest.param(sign("8462-4", "80", attributes='negationInd="true"'), id="a-denied-one"),
        pytest.param(sign("8867-4", "80"), id="another-sign"),
        pytest.param(
            sign("8462-4", "80") + "</component><component>" + sign("8462-4", "81"), id="one-too-many"
        ),
    ],
)
def test_what_is_not_of_one_measurement_stays_apart(other: str) -> None:
    assert pressures(sign("8480-6", "120"), other) == []


def test_pressures_that_are_entries_of_a_section_are_paired_too() -> None:
    cv = section_of(sign("8480-6", "120"), sign("8462-4", "80"), code="8716-3")
    assert codes(one(cv, "Observation")["code"]) == ["85354-9"]


def test_a_pressure_whose_other_one_was_made_already_stands_alone() -> None:
    template = '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.13.2"/>'
    pressure = (
        '<component><observation classCode="OBS" moodCode="EVN">{}<code code="{}" '
        'codeSystem="2.16.840.1.113883.6.1"/><value xsi:type="PQ" value="1" unit="mm[Hg]"/></observation></component>'
    )
    both = pressure.format("", "8480-6") + pressure.format(template, "8462-4")
    panel = f'<organizer classCode="CLUSTER" moodCode="EVN"><code code="1"/>{both}</organizer>'
    assert len(made(section_of(panel), "Observation")) == 3
