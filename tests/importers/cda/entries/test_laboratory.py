"""Laboratory: report, batteries, isolates, specimens; a real tree compared with its document."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from tests.importers.cda.entries.statements import behind, codes, made, one, section_of

LOINC = 'codeSystem="2.16.840.1.113883.6.1"'
LAB = "1.3.6.1.4.1.19376.1.3.1"
COLLECTION = (
    f'<procedure classCode="PROC" moodCode="EVN"><templateId root="{LAB}.2"/>'
    '<code code="5201" codeSystem="1.2.250.1.213.2.7"/><effectiveTime value="202401020735+0100"/>'
    '<participant typeCode="PRD"><participantRole classCode="SPEC"><id root="1.2.9" extension="77"/>'
    '<playingEntity><code code="UR" codeSystem="2.16.840.1.113883.18.311"/></playingEntity>'
    "</participantRole></participant>"
    f'<entryRelationship typeCode="COMP"><act classCode="ACT" moodCode="EVN"><templateId root="{LAB}.3"/>'
    '<code code="SPRECEIVE" codeSystem="1.3.5.1.4.1.19376.1.5.3.2"/>'
    '<effectiveTime value="202401020752+0100"/></act></entryRelationship></procedure>'
)


def result(code: str = "30405-5", inner: str = "") -> str:
    return (
        f'<observation classCode="OBS" moodCode="EVN"><templateId root="{LAB}.6"/>'
        f'<code code="{code}" {LOINC}/><statusCode code="completed"/>'
        f'<value xsi:type="PQ" value="500" unit="/mL"/>{inner}</observation>'
    )


def organizer(kind: str, *inside: str, head: str = "") -> str:
    parts = "".join(f"<component>{each}</component>" for each in inside)
    return (
        f'<organizer classCode="BATTERY" moodCode="EVN"><templateId root="{LAB}.{kind}"/>{head}'
        f'<statusCode code="completed"/>{parts}</organizer>'
    )


def chapter(*inside: str) -> str:
    """An entry whose template stands on the entry, as in real reports."""
    parts = "".join(f'<entryRelationship typeCode="COMP">{each}</entryRelationship>' for each in inside)
    return (
        f'<act classCode="ACT" moodCode="EVN"><templateId root="{LAB}"/><code code="18725-2" {LOINC}/>'
        f'<statusCode code="active"/>{parts}</act>'
    )


def isolate(*inside: str) -> str:
    head = (
        '<specimen typeCode="SPC"><specimenRole classCode="SPEC"><id root="1.2.9" extension="i1"/>'
        '<specimenPlayingEntity classCode="MIC"><code code="112283007" codeSystem="2.16.840.1.113883.6.96"/>'
        "</specimenPlayingEntity></specimenRole></specimen>"
    )
    return organizer("5", *inside, head=head)


def at(time: str) -> str:
    return f'<effectiveTime value="{time}"/>'


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        pytest.param(
            (COLLECTION, result(inner=at("20240103"))),
            {"effectiveDateTime": "2024-01-02T07:35:00+01:00"},
            id="when-the-specimen-was-taken",
        ),
        pytest.param(
            (result(inner=at("20240103")), organizer("4", result(inner=at("20240103")))),
            {"effectiveDateTime": "2024-01-03"},
            id="else-the-time-of-the-results",
        ),
        pytest.param(
            (result(inner=at("20240105")), organizer("4", result(inner=at("20240103")))),
            {"effectivePeriod": {"start": "2024-01-03", "end": "2024-01-05"}},
            id="from-the-first-to-the-last",
        ),
        pytest.param(
            (result(inner=at("202401")), result(inner=at("20240103"))), {}, id="not-comparable-not-made-up"
        ),
        pytest.param((result(),), {}, id="no-time-is-made-up"),
    ],
)
def test_a_report_that_names_no_time_has_that_of_what_it_reports(
    inside: tuple[str, ...], expected: dict[str, object]
) -> None:
    found = one(section_of(chapter(*inside)), "DiagnosticReport")
    assert {name: value for name, value in found.items() if name.startswith("effective")} == expected


def test_a_report_is_issued_with_its_document() -> None:
    cv = section_of(chapter(result()), written="20240104112000+0100")
    assert one(cv, "DiagnosticReport")["issued"] == "2024-01-04T11:20:00+01:00"
    assert "issued" not in one(section_of(chapter(result()), written="20240104"), "DiagnosticReport")


def test_a_chapter_is_a_report_of_what_is_in_it() -> None:
    cv = section_of(
        chapter(COLLECTION, organizer("4", result(), head=f'<code code="1" {LOINC}/>'), result("2-2"))
    )
    report = one(cv, "DiagnosticReport")
    assert report["status"] == "partial"
    assert codes(report["code"]) == ["18725-2"]
    assert [codes(behind(cv, each)["code"]) for each in report["result"]] == [["1"], ["2-2"]]
    assert [behind(cv, each)["resourceType"] for each in report["specimen"]] == ["Specimen"]


def test_a_specimen_says_what_it_is_and_when_it_was_taken_and_received() -> None:
    specimen = one(section_of(chapter(COLLECTION)), "Specimen")
    assert codes(specimen["type"]) == ["UR"]
    assert specimen["identifier"] == [{"system": "urn:oid:1.2.9", "value": "77"}]
    assert specimen["collection"]["collectedDateTime"] == "2024-01-02T07:35:00+01:00"
    assert specimen["receivedTime"] == "2024-01-02T07:52:00+01:00"
    assert "status" not in specimen


def test_results_have_the_specimen_of_the_report_around_them() -> None:
    cv = section_of(chapter(COLLECTION, organizer("4", result())))
    specimen = one(cv, "Specimen")
    assert [behind(cv, each["specimen"]) for each in made(cv, "Observation")] == [specimen, specimen]


def test_of_several_specimens_none_is_chosen() -> None:
    other = COLLECTION.replace('extension="77"', 'extension="78"')
    cv = section_of(chapter(COLLECTION, other, result()))
    assert "specimen" not in one(cv, "Observation")
    assert len(one(cv, "DiagnosticReport")["specimen"]) == 2


def test_a_result_that_names_its_specimen_refers_to_the_one_collected() -> None:
    named = result(
        inner='<specimen><specimenRole><id root="1.2.9" extension="77"/></specimenRole></specimen>'
    )
    other = COLLECTION.replace('extension="77"', 'extension="78"')
    cv = section_of(chapter(other, COLLECTION, named))
    assert behind(cv, one(cv, "Observation")["specimen"])["identifier"][0]["value"] == "77"
    assert len(made(cv, "Specimen")) == 2


def test_an_isolate_is_the_value_and_a_specimen_of_the_one_collected() -> None:
    antibiogram = organizer("4", result("20-8"), head=f'<code code="18769-0" {LOINC}/>')
    cv = section_of(chapter(COLLECTION, isolate(antibiogram)))
    found = behind(cv, one(cv, "DiagnosticReport")["result"][0])
    assert codes(found["valueCodeableConcept"]) == ["112283007"]
    organism = behind(cv, found["specimen"])
    assert codes(organism["type"]) == ["112283007"]
    assert codes(behind(cv, organism["parent"][0])["type"]) == ["UR"]
    (battery,) = (behind(cv, each) for each in found["hasMember"])
    (single,) = (behind(cv, each) for each in battery["hasMember"])
    assert codes(single["code"]) == ["20-8"]
    assert single["specimen"] == found["specimen"]


def test_an_organizer_without_a_code_is_called_as_its_template() -> None:
    cv = section_of(organizer("4", result()))
    battery = next(each for each in made(cv, "Observation") if "hasMember" in each)
    assert battery["code"] == {"text": "IHE LAB Battery Organizer"}


def test_who_validated_answers_for_the_report() -> None:
    who = (
        '<participant typeCode="AUTHEN"><participantRole><id root="1.2.3" extension="9"/>'
        "<playingEntity><name><family>A</family></name></playingEntity></participantRole></participant>"
    )
    report = one(
        section_of(chapter(result()).replace("<statusCode", f"{who}<statusCode", 1)), "DiagnosticReport"
    )
    assert report["resultsInterpreter"] == [{"reference": report["performer"][0]["reference"]}]


@pytest.mark.corpus
def test_two_units_of_one_analyte_are_two_observations(corpus: Path) -> None:
    (file,) = (corpus / "french/cda/tc3.0").glob("BIO-CR-BIO_2024.01_Glyc*deux*")
    root = etree.parse(file, etree.XMLParser(huge_tree=True)).getroot()
    space = "{urn:hl7-org:v3}"
    entries = [
        etree.tostring(node, encoding="unicode")
        for entry in root.iter(f"{space}entry")
        for node in entry
        if node.tag in (f"{space}act", f"{space}organizer")
    ]
    quantities = [
        (each.get("value"), each.get("unit"))
        for each in root.iter(f"{space}value")
        if each.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "PQ"
        and each.getparent().tag == f"{space}observation"
    ]
    found = [
        (str(each["valueQuantity"]["value"]), each["valueQuantity"]["unit"])
        for each in made(section_of(*entries), "Observation")
        if "valueQuantity" in each
    ]
    assert len(quantities) >= 2
    assert sorted(found) == sorted(quantities)
