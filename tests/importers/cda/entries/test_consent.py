"""Advance directives are Consents of their own scope."""

from __future__ import annotations

import pytest

from tests.importers.cda.entries.statements import behind, codes, one, section_of

LOINC = 'codeSystem="2.16.840.1.113883.6.1"'
TEMPLATE = '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.13.7"/>'


def directive(inner: str, attributes: str = "") -> str:
    return (
        f'<observation classCode="OBS" moodCode="EVN" {attributes}>{TEMPLATE}<code code="75787-2" {LOINC}/>'
        f'<statusCode code="completed"/><effectiveTime><low value="20180101"/></effectiveTime>{inner}</observation>'
    )


@pytest.mark.parametrize(
    ("value", "attributes", "provision"),
    [
        pytest.param('<value xsi:type="BL" value="true"/>', "", "permit", id="wanted"),
        pytest.param('<value xsi:type="BL" value="false"/>', "", "deny", id="not-wanted"),
        pytest.param('<value xsi:type="BL" value="true"/>', 'negationInd="true"', "deny", id="negated"),
        pytest.param("", "", None, id="nothing-said"),
    ],
)
def test_what_is_wanted_or_refused_is_the_provision(
    value: str, attributes: str, provision: str | None
) -> None:
    found = one(section_of(directive(value, attributes), code="42348-3"), "Consent")
    assert found["provision"].get("type") == provision
    assert found["provision"]["period"] == {"start": "2018-01-01"}
    assert codes(found["scope"]) == ["adr"]
    assert [codes(each) for each in found["category"]] == [["acd"], ["75787-2"]]


def test_the_document_of_a_directive_is_its_source() -> None:
    media = (
        '<entryRelationship typeCode="COMP"><observationMedia classCode="OBS" moodCode="EVN" ID="d">'
        '<value mediaType="application/pdf" representation="B64">JVBERi0=</value></observationMedia>'
        "</entryRelationship>"
    )
    cv = section_of(directive(media))
    source = behind(cv, one(cv, "Consent")["sourceReference"])
    assert source["resourceType"] == "DocumentReference"
    assert behind(cv, {"reference": source["content"][0]["attachment"]["url"]})["data"] == "JVBERi0="


def test_comments_are_the_narrative() -> None:
    note = (
        '<entryRelationship typeCode="SUBJ" inversionInd="true"><act classCode="ACT" moodCode="EVN">'
        '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.2"/><text>pas de &lt;tube&gt;</text></act></entryRelationship>'
    )
    text = one(section_of(directive(note)), "Consent")["text"]
    assert "<p>pas de &lt;tube&gt;</p>" in text["div"]


def test_the_bytes_of_a_file_are_no_words() -> None:
    media = (
        '<entryRelationship typeCode="COMP"><observationMedia classCode="OBS" moodCode="EVN" ID="file">'
        '<value mediaType="application/pdf" representation="B64">JVBERi0xLjQ=</value>'
        "</observationMedia></entryRelationship>"
    )
    words = '<text><reference value="#file"/></text>'
    found = one(section_of(directive(f"{words}{media}")), "Consent")
    assert "text" not in found
    assert "sourceReference" in found
