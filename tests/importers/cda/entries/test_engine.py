"""The engine: which mapper takes a statement, what happens without one, and that nothing passes in silence."""

from __future__ import annotations

import jsonschema
import pytest

from importers.cda.entries import engine, templates
from importers.cda.entries.place import Place
from importers.cda.xml import child, every
from tests.importers.cda.entries.statements import kinds, made, one, section_of

ANS_PROBLEM = '<templateId root="1.2.250.1.213.1.1.3.37"/>'
IHE_PROBLEM = '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5"/>'
IHE_ALLERGY = '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.6"/>'
CCD_PROBLEM = '<templateId root="2.16.840.1.113883.10.20.1.28"/>'
VALUE = '<value xsi:type="CD" code="I10" codeSystem="2.16.840.1.113883.6.3" displayName="Hypertension"/>'


def statement(templates: str, inner: str = VALUE, name: str = "observation", mood: str = "EVN") -> str:
    return f'<{name} classCode="OBS" moodCode="{mood}">{templates}{inner}</{name}>'


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        pytest.param(ANS_PROBLEM + IHE_PROBLEM + CCD_PROBLEM, "Condition", id="all-ids"),
        pytest.param(CCD_PROBLEM + IHE_PROBLEM + ANS_PROBLEM, "Condition", id="all-ids-in-another-order"),
        pytest.param(IHE_PROBLEM, "Condition", id="only-the-id-of-ihe"),
        pytest.param(CCD_PROBLEM, "Condition", id="only-the-id-of-ccd"),
        pytest.param(IHE_PROBLEM + IHE_ALLERGY, "AllergyIntolerance", id="the-narrower-of-two"),
        pytest.param(IHE_ALLERGY + IHE_PROBLEM, "AllergyIntolerance", id="the-narrower-whatever-the-order"),
        pytest.param(
            '<templateId root="1.2.250.1.213.1.1.3.37" extension="2021.01"/>',
            "Condition",
            id="with-a-version",
        ),
        pytest.param('<templateId root=" 1.2.250.1.213.1.1.3.37 "/>', "Condition", id="blanks-around"),
        pytest.param('<templateId root="2.999.1"/>', "Observation", id="an-id-that-nobody-knows"),
        pytest.param("", "Observation", id="no-id"),
    ],
)
def test_the_nearest_template_decides_in_whatever_order_the_ids_stand(ids: str, expected: str) -> None:
    code = '<code code="29308-4" codeSystem="2.16.840.1.113883.6.1"/>'
    one(section_of(statement(ids, code + VALUE)), expected)


def test_a_template_id_on_the_entry_counts() -> None:
    template = '<templateId root="1.2.250.1.213.1.1.3.37"/>'
    rows = []
    for ids in ("", template):
        cv = section_of(ids + statement("", VALUE))
        (entry,) = every(cv.source.root, "component/structuredBody/component/section/entry")
        inner = child(entry, "observation")
        assert inner is not None
        rows.append(templates.row_of(inner))
    without, row = rows
    assert without is None
    assert row is not None
    assert row.mapper == "problem"


@pytest.mark.parametrize(
    ("name", "mood", "expected"),
    [
        pytest.param("substanceAdministration", "EVN", "MedicationStatement", id="fact"),
        pytest.param("substanceAdministration", "INT", "MedicationRequest", id="intent"),
        pytest.param("substanceAdministration", "RQO", "MedicationRequest", id="order"),
        pytest.param("supply", "EVN", "MedicationDispense", id="supplied"),
        pytest.param("supply", "RQO", "MedicationRequest", id="to-be-supplied"),
        pytest.param("procedure", "EVN", "Procedure", id="procedure"),
        pytest.param("procedure", "INT", "ServiceRequest", id="procedure-to-come"),
        pytest.param("observation", "GOL", "Goal", id="goal"),
        pytest.param("encounter", "EVN", "Encounter", id="encounter"),
    ],
)
def test_without_a_template_class_and_mood_decide(name: str, mood: str, expected: str) -> None:
    text = '<code code="1" codeSystem="2.999.2" displayName="something"/><text>said in words</text>'
    one(section_of(statement("", text, name, mood)), expected)


def test_an_act_that_only_holds_others_is_walked() -> None:
    inner = f"<entryRelationship typeCode='COMP'>{statement(ANS_PROBLEM)}</entryRelationship>"
    cv = section_of(f'<act classCode="ACT" moodCode="EVN">{inner * 2}</act>')
    assert len(made(cv, "Condition")) == 2


def test_statements_inside_that_no_mapper_took_become_resources_that_point_back() -> None:
    inner = statement("", '<code code="1" codeSystem="2.999.2" displayName="tired"/>')
    link = f'<entryRelationship typeCode="REFR">{inner}</entryRelationship>'
    cv = section_of(statement(ANS_PROBLEM, VALUE + link))
    condition = next(url for url, each in cv.resources.items() if each["resourceType"] == "Condition")
    assert one(cv, "Observation")["focus"] == [{"reference": condition}]


def test_a_mapper_that_fails_on_the_data_is_undone_and_the_next_one_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(cv: engine.Conversion, node: engine.Element, place: Place) -> list[engine.Reference]:
        cv.add({"resourceType": "Condition"}, node)
        raise ValueError("strange data")

    table = {**engine.mappers(), "problem": failing}
    monkeypatch.setattr(engine, "mappers", lambda: table)
    cv = section_of(statement(ANS_PROBLEM, '<code code="1" codeSystem="2.999.2"/>' + VALUE), strict=False)
    assert made(cv, "Condition") == []
    assert len(made(cv, "Observation")) == 1
    assert "fault" in kinds(cv)
    with pytest.raises(ValueError, match="strange data"):
        section_of(statement(ANS_PROBLEM), strict=True)


def test_a_defect_leaves_the_importer(monkeypatch: pytest.MonkeyPatch) -> None:
    def defective(cv: engine.Conversion, node: engine.Element, place: Place) -> list[engine.Reference]:
        raise RuntimeError("a defect")

    table = {**engine.mappers(), "problem": defective}
    monkeypatch.setattr(engine, "mappers", lambda: table)
    with pytest.raises(RuntimeError):
        section_of(statement(ANS_PROBLEM), strict=False)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param("", id="entry-without-statement"),
        pytest.param('<act classCode="ACT" moodCode="EVN"/>', id="act-that-says-nothing"),
        pytest.param('<supply classCode="SPLY" moodCode="EVN" nullFlavor="NA"/>', id="supply-that-is-null"),
    ],
)
def test_what_makes_no_resource_is_listed_and_nothing_is_invented(entry: str) -> None:
    cv = section_of(entry)
    assert "entry" in kinds(cv)
    assert [each["resourceType"] for each in cv.resources.values()] == ["Patient"]


def test_the_counts_close_for_every_template() -> None:
    severity = statement(
        '<templateId root="1.2.250.1.213.1.1.3.29"/>',
        '<value xsi:type="CD" code="6736007" codeSystem="2.16.840.1.113883.6.96"/>',
    )
    link = f'<entryRelationship typeCode="SUBJ">{severity}</entryRelationship>'
    cv = section_of(statement(ANS_PROBLEM, VALUE + link), statement(ANS_PROBLEM), "<act/>")
    assert dict(cv.met) == {"1.2.250.1.213.1.1.3.37": 2, "1.2.250.1.213.1.1.3.29": 1, "act/EVN": 1}
    assert dict(cv.structured) == {"1.2.250.1.213.1.1.3.37": 2, "1.2.250.1.213.1.1.3.29": 1}


def test_every_mapper_that_a_table_names_exists() -> None:
    tables = templates.tables()
    named = {row.mapper for rows in tables.rows.values() for row in rows if row.role == "resource"}
    named |= {mapper for rows in tables.fallbacks.values() for _, mapper in rows}
    assert named <= set(engine.mappers())


def test_a_template_has_one_row_for_each_mood() -> None:
    for rows in templates.tables().rows.values():
        for mood in ("EVN", "INT", "RQO", "GOL"):
            fitting = [(row.element, row.extension) for row in rows if not row.moods or mood in row.moods]
            assert len(fitting) == len(set(fitting)), rows


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"template": "1.2"}, id="columns-missing"),
        pytest.param(
            {"template": "x", "name": "n", "element": "act", "mapper": "concern", "role": "wrapper"},
            id="no-oid",
        ),
        pytest.param(
            {"template": "1.2", "name": "n", "element": "entry", "mapper": "concern", "role": "wrapper"},
            id="no-statement",
        ),
        pytest.param(
            {"template": "1.2", "name": "n", "element": "act", "mapper": "concern", "role": "thing"},
            id="role",
        ),
    ],
)
def test_a_malformed_row_is_refused(row: dict[str, str]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        templates.check_table({"realm": "uv", "template": [row]})
