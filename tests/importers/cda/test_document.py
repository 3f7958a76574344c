"""The document as a document: what those who look for it find it by, and the file that it may wrap."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest

from tests.importers.cda.whole import behind, converted, only, resources

PDF = b"%PDF-1.4 not really"
LEVEL_ONE = (
    '<component><nonXMLBody><text mediaType="application/pdf" representation="B64">{data}</text>'
    "</nonXMLBody></component>"
)


def top(identity: str = '<id root="2.999.5"/>', code: str = "60591-5", templates: str = "") -> str:
    return f'{templates}{identity}<code code="{code}" codeSystem="2.16.840.1.113883.6.1"/>'


def reference(**parts: str) -> dict[str, Any]:
    return resources(converted(**parts), "DocumentReference")[0]


@pytest.mark.parametrize(
    ("identity", "system", "value"),
    [
        pytest.param('<id root="2.999.5"/>', "urn:ietf:rfc:3986", "urn:oid:2.999.5", id="oid"),
        pytest.param(
            '<id root="2.999.5" extension="7"/>', "urn:oid:2.999.5", "7", id="oid-with-an-extension"
        ),
        pytest.param(
            '<id root="5B8F9B2C-0000-4000-8000-00000000000A"/>',
            "urn:ietf:rfc:3986",
            "urn:uuid:5b8f9b2c-0000-4000-8000-00000000000a",
            id="uuid-in-lower-case",
        ),
    ],
)
def test_the_identifier_of_the_document_is_its_master_identifier(
    identity: str, system: str, value: str
) -> None:
    found = reference(top=top(identity))
    assert found["masterIdentifier"] == {"system": system, "value": value}
    assert found["identifier"] == [found["masterIdentifier"]]


def test_a_document_without_identifier_gets_none() -> None:
    assert "masterIdentifier" not in reference(top=top(""))


@pytest.mark.parametrize(
    ("realm", "code", "expected"),
    [
        pytest.param("FR", "11502-2", "10", id="report"),
        pytest.param("FR", "60591-5", "11", id="summary"),
        pytest.param("FR", "57833-6", "42", id="prescription"),
        pytest.param("FR", "34133-9", "11", id="episode"),
        pytest.param("FR", "11490-0", "10", id="letter-at-the-end-of-a-stay"),
        pytest.param("FR", "18761-7", "11", id="letter-at-its-beginning"),
        pytest.param("FR", "11369-6", "52", id="vaccinations"),
        pytest.param("FR", "DOCPAT02", "42", id="what-the-person-deposits-by-what-it-is"),
        pytest.param("EU", "60591-5", "60591-5", id="summary-of-europe"),
        pytest.param("PT", "34105-7", "18842-5", id="discharge-report-of-another-country"),
    ],
)
def test_the_class_of_a_document_follows_from_its_realm_and_type(
    realm: str, code: str, expected: str
) -> None:
    found = reference(top=f'<realmCode code="{realm}"/>{top(code=code)}')
    assert found["type"]["coding"][0]["code"] == code
    assert [each["code"] for each in found["category"][0]["coding"]] == [expected]


@pytest.mark.parametrize("realm", ["FR", "US"])
def test_a_type_of_no_known_class_has_none(realm: str) -> None:
    assert "category" not in reference(top=f'<realmCode code="{realm}"/>{top(code="99999-9")}')


def test_no_document_has_the_class_of_another_realm() -> None:
    assert "category" not in reference(top=f'<realmCode code="US"/>{top(code="34133-9")}')


@pytest.mark.parametrize(
    ("templates", "code"),
    [
        pytest.param("", "urn:ihe:iti:xds:2017:mimeTypeSufficient", id="no-known-template"),
        pytest.param(
            '<templateId root="1.2.250.1.213.1.1.1.1"/><templateId root="1.3.6.1.4.1.19376.1.3.3"/>',
            "urn:ihe:lab:xd-lab:2008",
            id="laboratory",
        ),
        pytest.param(
            '<templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/>',
            "urn:hl7-org:sdwg:ccda-structuredBody:2.1",
            id="consolidated",
        ),
        pytest.param(
            '<templateId root="1.3.6.1.4.1.19376.1.9.1.1.1"/><templateId root="1.2.250.1.213.1.1.1.39"/>',
            "urn:ihe:pharm:pre:2010",
            id="prescription",
        ),
        pytest.param(
            '<templateId root="1.2.250.1.213.1.1.1.29"/>',
            "urn:asip:ci-sis:ldl-ses:2017",
            id="discharge-letter",
        ),
        pytest.param(
            '<templateId root="1.3.6.1.4.1.19376.1.8.1.1.1"/>'
            '<templateId root="1.3.6.1.4.1.19376.1.8.1.1.2.1"/>',
            "urn:ihe:pat:apsr:breast:2010",
            id="the-organ-before-the-general",
        ),
    ],
)
def test_the_format_of_a_document_follows_from_its_templates(templates: str, code: str) -> None:
    assert reference(top=top(templates=templates))["content"][0]["format"]["code"] == code


@pytest.mark.parametrize(
    ("media", "code"),
    [
        pytest.param("application/pdf", "urn:ihe:iti:xds-sd:pdf:2008", id="pdf"),
        pytest.param("text/plain", "urn:ihe:iti:xds-sd:text:2008", id="text"),
        pytest.param("image/jpeg", "urn:ihe:iti-fr:xds-sd:jpeg:2010", id="image"),
    ],
)
def test_the_format_of_a_document_that_wraps_a_file_follows_from_the_file(media: str, code: str) -> None:
    body = LEVEL_ONE.replace("application/pdf", media).format(data="AAAA")
    found = reference(top=top(templates='<templateId root="1.3.6.1.4.1.19376.1.2.20"/>'), after=body)
    assert found["content"][0]["format"]["code"] == code


def test_a_partial_time_is_kept_and_not_made_an_instant() -> None:
    found = reference(time='<effectiveTime value="202003"/>')
    assert found["content"][0]["attachment"]["creation"] == "2020-03"


def test_the_document_keeps_the_person_as_it_had_them() -> None:
    found = reference()
    [person] = found["contained"]
    assert found["context"]["sourcePatientInfo"] == {"reference": f"#{person['id']}"}
    assert person["name"] == [{"family": "Doe", "given": ["Jane"]}]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        pytest.param("RPLC", "replaces", id="replacement"),
        pytest.param("APND", "appends", id="addendum"),
        pytest.param("XFRM", "transforms", id="transformation"),
    ],
)
def test_a_relation_to_another_document_is_on_both(kind: str, code: str) -> None:
    after = (
        f'<relatedDocument typeCode="{kind}"><parentDocument><id root="2.999.5" extension="0"/>'
        '<setId root="2.999.6"/><versionNumber value="1"/></parentDocument></relatedDocument>'
    )
    result = converted(after=after)
    target = {"system": "urn:oid:2.999.5", "value": "0"}
    assert only(result, "DocumentReference")["relatesTo"] == [
        {"code": code, "target": {"type": "DocumentReference", "identifier": target}}
    ]
    [relation] = only(result, "Composition")["relatesTo"]
    assert (relation["code"], relation["targetIdentifier"]) == (code, target)
    assert relation["extension"][0]["valueString"] == "1"


def test_a_related_document_without_a_version_is_of_none() -> None:
    after = (
        '<relatedDocument typeCode="RPLC"><parentDocument><id root="2.999.5" extension="0"/>'
        '<versionNumber nullFlavor="UNK"/></parentDocument></relatedDocument>'
    )
    [relation] = only(converted(after=after), "Composition")["relatesTo"]
    assert "extension" not in relation


def test_the_wording_of_the_confidentiality_is_kept() -> None:
    before = (
        '<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"><translation code="N"'
        ' codeSystem="2.16.840.1.113883.5.25" displayName="normaali"/></confidentialityCode>'
    )
    [label] = reference(before=before)["securityLabel"]
    assert [each.get("display") for each in label["coding"]] == [None, "normaali"]


@pytest.mark.parametrize("lines", [pytest.param(False, id="in-one-line"), pytest.param(True, id="in-lines")])
def test_a_wrapped_file_is_a_binary_that_a_section_leads_to(lines: bool) -> None:
    data = b64encode(PDF).decode()
    if lines:
        data = "\n  ".join(data[start : start + 8] for start in range(0, len(data), 8))
    result = converted(after=LEVEL_ONE.format(data=data))
    [section] = only(result, "Composition")["section"]
    binary, document = (behind(result, each) for each in section["entry"])
    assert b64decode(binary["data"]) == PDF
    assert binary["contentType"] == "application/pdf"
    [content] = document["content"]
    assert behind(result, {"reference": content["attachment"]["url"]}) == binary
    assert content["attachment"]["size"] == len(PDF)
    assert behind(result, document["relatesTo"][0]["target"]) == resources(result, "DocumentReference")[0]


def test_a_truncated_file_is_reported_and_the_section_says_that_it_is_not_there() -> None:
    result = converted(after=LEVEL_ONE.format(data="JVBER"))
    [section] = only(result, "Composition")["section"]
    assert section["emptyReason"]["coding"][0]["code"] == "unavailable"
    assert section["text"]["status"] == "empty"
    assert "media" in {issue.kind for issue in result.issues}
    assert len(resources(result, "Binary")) == 1
