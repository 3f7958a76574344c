"""Procedures and orders: the mood makes the resource, a negation is never lost."""

from __future__ import annotations

import pytest

from tests.importers.cda.entries.statements import behind, codes, made, one, section_of

SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'
URGENCY = 'codeSystem="2.16.840.1.113883.5.7"'


def procedure(inner: str = "", mood: str = "EVN", attributes: str = "") -> str:
    return (
        f'<procedure classCode="PROC" moodCode="{mood}" {attributes}>'
        '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.19"/>'
        f'<code code="80146002" {SNOMED}/>{inner}</procedure>'
    )


@pytest.mark.parametrize(
    ("mood", "resource_type", "intent"),
    [
        pytest.param("EVN", "Procedure", None, id="fact"),
        pytest.param("INT", "ServiceRequest", "plan", id="intent"),
        pytest.param("RQO", "ServiceRequest", "order", id="request"),
        pytest.param("PRP", "ServiceRequest", "proposal", id="proposal"),
        pytest.param("ARQ", "ServiceRequest", "order", id="appointment-request"),
    ],
)
def test_the_mood_makes_the_resource(mood: str, resource_type: str, intent: str | None) -> None:
    assert one(section_of(procedure(mood=mood)), resource_type).get("intent") == intent


@pytest.mark.parametrize(
    ("status", "attributes", "expected"),
    [
        pytest.param("completed", "", "completed", id="completed"),
        pytest.param("active", "", "in-progress", id="active"),
        pytest.param("cancelled", "", "not-done", id="cancelled"),
        pytest.param("aborted", "", "stopped", id="aborted"),
        pytest.param("completed", 'negationInd="true"', "not-done", id="negated-is-not-done"),
        pytest.param("completed", 'negationInd="false"', "completed", id="not-negated"),
    ],
)
def test_the_status_of_a_procedure(status: str, attributes: str, expected: str) -> None:
    entry = procedure(f'<statusCode code="{status}"/>', attributes=attributes)
    assert one(section_of(entry), "Procedure")["status"] == expected


@pytest.mark.parametrize("code", ["no-known-procedures", "no-procedure-info"])
@pytest.mark.parametrize(
    ("status", "expected"), [("completed", "unknown"), ("nullified", "entered-in-error")]
)
def test_that_no_procedure_is_known_was_not_completed(code: str, status: str, expected: str) -> None:
    entry = procedure(f'<statusCode code="{status}"/>').replace(
        f'code="80146002" {SNOMED}', f'code="{code}" codeSystem="2.16.840.1.113883.5.1150.1"'
    )
    found = one(section_of(entry), "Procedure")
    assert (codes(found["code"]), found["status"]) == ([code], expected)


def test_a_negated_order_says_not_to_do_it() -> None:
    entry = procedure(mood="INT", attributes='negationInd="true"')
    assert one(section_of(entry), "ServiceRequest")["doNotPerform"] is True
    assert "doNotPerform" not in one(section_of(procedure(mood="INT")), "ServiceRequest")


def test_sites_time_and_priority_are_kept() -> None:
    entry = procedure(
        '<effectiveTime><low value="2019"/><high value="2020"/></effectiveTime>'
        f'<priorityCode code="EL" {URGENCY}/>'
        f'<approachSiteCode code="2" {SNOMED}/><targetSiteCode code="1" {SNOMED}/>'
    )
    found = one(section_of(entry), "Procedure")
    assert found["performedPeriod"] == {"start": "2019", "end": "2020"}
    assert sorted(codes(each)[0] for each in found["bodySite"]) == ["1", "2"]
    of, value = found["extension"][0]["extension"]
    assert (of["valueCode"], codes(value["valueCodeableConcept"])) == ("priorityCode", ["EL"])


@pytest.mark.parametrize(
    ("code", "priority"),
    [
        pytest.param("UR", "urgent", id="urgent"),
        pytest.param("S", "stat", id="stat"),
        pytest.param("A", "asap", id="asap"),
        pytest.param("CS", None, id="no-equal-is-an-attribute"),
    ],
)
def test_the_priority_of_an_order(code: str, priority: str | None) -> None:
    found = one(section_of(procedure(f'<priorityCode code="{code}" {URGENCY}/>', "INT")), "ServiceRequest")
    assert found.get("priority") == priority
    assert ("extension" in found) == (priority is None)


def test_an_entry_that_is_referred_to_as_the_reason_is_the_reason() -> None:
    reference = (
        '<entryRelationship typeCode="RSON"><act classCode="ACT" moodCode="EVN">'
        '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.4.1"/><id root="1.2.3" extension="later"/>'
        '<code nullFlavor="NA"/></act></entryRelationship>'
    )
    later = (
        '<observation classCode="OBS" moodCode="EVN"><id root="1.2.3" extension="later"/>'
        f'<code code="2" {SNOMED}/></observation>'
    )
    cv = section_of(procedure(reference), later)
    (reason,) = one(cv, "Procedure")["reasonReference"]
    assert codes(behind(cv, reason)["code"]) == ["2"]


def test_a_device_put_in_is_manipulated() -> None:
    entry = procedure(
        '<participant typeCode="DEV"><participantRole classCode="MANU"><id root="1.2.3" extension="d"/>'
        '<playingDevice><code code="14106009" codeSystem="2.16.840.1.113883.6.96"/></playingDevice>'
        "</participantRole></participant>"
    )
    cv = section_of(entry)
    device = behind(cv, one(cv, "Procedure")["focalDevice"][0]["manipulated"])
    assert codes(device["type"]) == ["14106009"]


def test_a_value_of_an_order_is_its_detail() -> None:
    entry = (
        '<observation classCode="OBS" moodCode="INT"><code code="1" codeSystem="2.16.840.1.113883.6.96"/>'
        '<value xsi:type="CD" code="2" codeSystem="2.16.840.1.113883.6.96"/></observation>'
    )
    assert codes(one(section_of(entry), "ServiceRequest")["orderDetail"][0]) == ["2"]


def test_orders_and_goals_of_a_plan_of_care_are_in_its_care_plan() -> None:
    goal = (
        '<observation classCode="OBS" moodCode="GOL"><code code="3" codeSystem="2.16.840.1.113883.6.96"/>'
        "</observation>"
    )
    cv = section_of(procedure(mood="INT"), goal, procedure(mood="EVN"), code="18776-5")
    plan = one(cv, "CarePlan")
    assert [behind(cv, each["reference"]) for each in plan["activity"]] == made(cv, "ServiceRequest")
    assert [behind(cv, each) for each in plan["goal"]] == made(cv, "Goal")
    assert (plan["status"], plan["intent"], plan["title"]) == ("unknown", "plan", "Section")


def test_outside_of_a_plan_of_care_there_is_no_care_plan() -> None:
    assert made(section_of(procedure(mood="INT")), "CarePlan") == []
