"""The document as a Composition: every section with its words, its entries, and its sections."""

from __future__ import annotations

from typing import Any

import pytest

from tests.importers.cda.whole import body, converted, only, section

TEXT = "<text><paragraph>All is well.</paragraph></text>"
ENTRY = (
    '<entry><observation classCode="OBS" moodCode="EVN"><code code="8302-2"'
    ' codeSystem="2.16.840.1.113883.6.1" displayName="Body height"/><statusCode code="completed"/>'
    '<value xsi:type="PQ" value="1.80" unit="m"/></observation></entry>'
)


def sections(*parts: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = only(converted(after=body("".join(parts))), "Composition")["section"]
    return found


def test_a_section_has_its_title_its_code_its_words_and_its_entries() -> None:
    [found] = sections(section(TEXT + ENTRY, code="8716-3", title="<title>Vital signs</title>"))
    assert found["title"] == "Vital signs"
    assert found["code"]["coding"][0] == {"system": "http://loinc.org", "code": "8716-3"}
    assert found["text"]["status"] == "additional"
    assert "All is well." in found["text"]["div"]
    assert len(found["entry"]) == 1


def test_sections_nest_in_their_order() -> None:
    [outer] = sections(section(TEXT + section(TEXT, code="1-8") + section(TEXT, code="2-6")))
    assert [each["code"]["coding"][0]["code"] for each in outer["section"]] == ["1-8", "2-6"]


def test_entries_beside_inner_sections_go_to_a_section_of_their_own() -> None:
    [outer] = sections(section(TEXT + ENTRY + section(TEXT, code="1-8")))
    assert "entry" not in outer
    first, second = outer["section"]
    assert first["title"] == outer["title"]
    assert len(first["entry"]) == 1
    assert second["code"]["coding"][0]["code"] == "1-8"


def test_a_section_without_words_gets_them_from_its_entries() -> None:
    [found] = sections(section(ENTRY, code="8716-3"))
    assert found["text"]["status"] == "generated"
    assert "Body height" in found["text"]["div"]


@pytest.mark.parametrize(
    ("flavor", "reason"),
    [
        pytest.param("NI", "unavailable", id="no-information"),
        pytest.param("NASK", "notasked", id="not-asked"),
        pytest.param("MSK", "withheld", id="masked"),
    ],
)
def test_an_empty_section_says_why(flavor: str, reason: str) -> None:
    text = section(TEXT).replace("<section>", f'<section nullFlavor="{flavor}">')
    [found] = sections(text)
    assert found["emptyReason"]["coding"][0]["code"] == reason
    assert "All is well." in found["text"]["div"]


def test_a_section_without_any_content_has_its_title_as_its_words() -> None:
    [found] = sections(section("", title="<title>Devices &lt;none&gt;</title>"))
    assert found["emptyReason"]["coding"][0]["code"] == "unavailable"
    assert found["text"]["status"] == "empty"
    assert "Devices &lt;none&gt;" in found["text"]["div"]


def test_a_section_of_words_alone_is_not_called_empty() -> None:
    [found] = sections(section(TEXT))
    assert "emptyReason" not in found


def test_a_title_that_is_missing_is_the_words_of_the_code() -> None:
    text = section(TEXT, title="").replace('code="11450-4"', 'code="11450-4" displayName="Problem list"')
    result = converted(after=body(text))
    assert only(result, "Composition")["section"][0]["title"] == "Problem list"
    assert "structure" in {issue.kind for issue in result.issues}


def test_a_code_that_is_missing_is_that_of_the_template() -> None:
    text = (
        f'<component><section><templateId root="1.3.6.1.4.1.19376.1.5.3.1.3.6"/>{TEXT}</section></component>'
    )
    [found] = sections(text)
    assert found["code"]["coding"][0]["code"] == "11450-4"
    assert found["title"] == "Problem list"


def test_a_code_that_is_not_of_loinc_goes_to_its_own_system() -> None:
    [found] = sections(section(TEXT, code="GEN-168"))
    assert found["code"]["coding"][0]["system"].endswith("/terminologie-cisis")


def test_the_identifier_of_a_section_and_its_authors_are_kept() -> None:
    author = (
        '<author><time value="20200101"/><assignedAuthor><id root="2.999.7" extension="A"/></assignedAuthor>'
        "</author>"
    )
    [found] = sections(section('<id root="2.999.9" extension="S"/>' + TEXT + author))
    assert found["extension"][0]["valueIdentifier"]["value"] == "S"
    assert found["author"][0]["extension"][0]["valueDateTime"] == "2020-01-01"


def test_the_confidentiality_of_a_section_is_on_what_it_holds() -> None:
    code = '<confidentialityCode code="V" codeSystem="2.16.840.1.113883.5.25"/>'
    result = converted(after=body(section(TEXT + code + ENTRY)))
    assert [each["code"] for each in only(result, "Observation")["meta"]["security"]] == ["V"]


def test_set_and_version_of_the_document() -> None:
    result = converted(before='<setId root="2.999.6" extension="S"/><versionNumber value="3"/>')
    composition = only(result, "Composition")
    assert composition["identifier"]["value"] == "S"
    assert composition["extension"][0]["valueString"] == "3"


def test_a_document_without_a_set_has_no_identifier_of_one() -> None:
    assert "identifier" not in only(converted(), "Composition")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        pytest.param("completed", "final", id="completed"),
        pytest.param("active", "preliminary", id="still-active"),
    ],
)
def test_the_status_is_that_of_the_service(code: str, status: str) -> None:
    after = (
        '<documentationOf><serviceEvent><code code="A" codeSystem="2.999.2"/>'
        f'<lab:statusCode code="{code}"/></serviceEvent></documentationOf>'
    )
    result = converted(after=after)
    assert only(result, "Composition")["status"] == status
    assert only(result, "DocumentReference")["docStatus"] == status


def test_what_the_header_does_not_say_is_not_made_up() -> None:
    composition = only(converted(time=""), "Composition")
    assert "date" not in composition
    assert composition["_date"]["extension"][0]["valueCode"] == "unknown"
    assert "reference" not in composition["author"][0]
