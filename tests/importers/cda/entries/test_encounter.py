"""Encounters: facts are Encounters, what is asked for is a ServiceRequest."""

from __future__ import annotations

from tests.importers.cda.entries.statements import behind, codes, one, section_of

ACT = 'codeSystem="2.16.840.1.113883.5.4"'
LOCAL = 'codeSystem="1.2.250.1.213.1.1.4.322"'
PERFORMER = (
    '<performer><assignedEntity><id root="1.2.3" extension="7"/>'
    "<assignedPerson><name><family>A</family></name></assignedPerson>"
    '<representedOrganization><id root="1.2.4" extension="8"/><name>Hospital</name></representedOrganization>'
    "</assignedEntity></performer>"
)
PLACE = (
    '<participant typeCode="LOC"><participantRole classCode="SDLOC"><id root="1.2.5" extension="9"/>'
    '<playingEntity classCode="PLC"><name>Ward</name></playingEntity></participantRole></participant>'
)


def encounter(code: str, inner: str = "", mood: str = "EVN") -> str:
    return (
        f'<encounter classCode="ENC" moodCode="{mood}"><templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.14"/>'
        f'{code}<effectiveTime value="20240228"/>{inner}</encounter>'
    )


def test_a_visit_has_its_class_people_place_and_time() -> None:
    cv = section_of(encounter(f'<code code="AMB" {ACT}/>', PERFORMER + PLACE))
    found = one(cv, "Encounter")
    assert found["class"]["code"] == "AMB"
    assert found["period"] == {"start": "2024-02-28", "end": "2024-02-28"}
    assert behind(cv, found["location"][0]["location"])["name"] == "Ward"
    assert behind(cv, found["serviceProvider"])["name"] == "Hospital"
    assert codes(found["participant"][0]["type"][0]) == ["PRF"]
    assert found["status"] == "unknown"


def test_a_code_that_is_no_class_is_the_type() -> None:
    found = one(section_of(encounter(f'<code code="EXTERNE" {LOCAL}/>')), "Encounter")
    assert codes(found["type"][0]) == ["EXTERNE"]
    assert found["class"]["extension"][0]["valueCode"] == "unknown"


def test_a_code_of_a_realm_has_the_nearest_class_and_is_the_type() -> None:
    code = '<code code="SEANCE" codeSystem="1.2.250.1.213.1.1.4.2.291"/>'
    found = one(section_of(encounter(code)), "Encounter")
    assert (found["class"]["code"], codes(found["type"][0])) == ("AMB", ["SEANCE"])


def test_a_visit_that_is_asked_for_is_a_request() -> None:
    found = one(section_of(encounter(f'<code code="AMB" {ACT}/>', mood="ARQ")), "ServiceRequest")
    assert (found["intent"], found["occurrenceDateTime"]) == ("order", "2024-02-28")
