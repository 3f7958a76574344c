"""Goals: what is to be reached, by when, and what was found of it."""

from __future__ import annotations

from tests.importers.cda.entries.statements import behind, codes, made, one, section_of

SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'


def goal(inner: str = "", attributes: str = "", code: str = "1") -> str:
    return f'<observation classCode="OBS" moodCode="GOL" {attributes}><code code="{code}" {SNOMED}/>{inner}</observation>'


def test_a_goal_has_its_target_its_begin_and_its_end() -> None:
    found = one(
        section_of(
            goal(
                '<statusCode code="active"/><effectiveTime><low value="20240101"/><high value="202406"/>'
                '</effectiveTime><value xsi:type="PQ" value="70.0" unit="kg"/>'
            )
        ),
        "Goal",
    )
    assert (found["lifecycleStatus"], found["startDate"]) == ("active", "2024-01-01")
    (target,) = found["target"]
    assert target["detailQuantity"]["value"] == "70.0"
    assert target["dueDate"] == "2024-06"
    assert target["measure"] == found["description"]


def test_a_negated_goal_is_rejected() -> None:
    assert one(section_of(goal(attributes='negationInd="true"')), "Goal")["lifecycleStatus"] == "rejected"


def test_what_was_found_of_a_goal_is_its_outcome_and_goals_inside_are_related() -> None:
    outcome = f'<observation classCode="OBS" moodCode="EVN"><code code="2" {SNOMED}/></observation>'
    cv = section_of(
        goal(
            f'<entryRelationship typeCode="GEVL">{outcome}</entryRelationship>'
            f'<entryRelationship typeCode="SPRT">{goal(code="3")}</entryRelationship>'
        )
    )
    found = next(each for each in made(cv, "Goal") if codes(each["description"]) == ["1"])
    assert codes(behind(cv, found["outcomeReference"][0])["code"]) == ["2"]
    kind, target = found["extension"][0]["extension"]
    assert codes(kind["valueCodeableConcept"]) == ["SPRT"]
    assert codes(behind(cv, target["valueReference"])["description"]) == ["3"]
