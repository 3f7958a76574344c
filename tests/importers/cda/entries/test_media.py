"""Files inside a document, documents attached to it, documents it only names, and who pays."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1

from tests.importers.cda.entries.statements import behind, codes, kinds, made, one, section_of

LOINC = 'codeSystem="2.16.840.1.113883.6.1"'
FILE = '<value mediaType="application/pdf" representation="B64">JVBE\n Ri0=</value>'


def media(value: str = FILE) -> str:
    return f'<observationMedia classCode="OBS" moodCode="EVN" ID="d">{value}</observationMedia>'


def attached(*inside: str) -> str:
    parts = "".join(f"<component>{each}</component>" for each in inside)
    return (
        '<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="1.2.250.1.213.1.1.3.18"/>'
        f'<code code="55107-7" {LOINC}/><statusCode code="completed"/>{parts}</organizer>'
    )


def test_an_image_is_a_media_whose_bytes_are_a_binary() -> None:
    cv = section_of(media())
    content = one(cv, "Media")["content"]
    binary = behind(cv, {"reference": content["url"]})
    assert binary["data"] == "JVBERi0="
    assert content["size"] == 5
    assert content["hash"] == b64encode(sha1(b"%PDF-").digest()).decode()


def test_a_media_without_a_file_invents_none() -> None:
    cv = section_of(media("<value/>"))
    assert made(cv, "Media") == made(cv, "Binary") == []
    assert "entry" in kinds(cv)


def test_an_attached_document_has_its_type_and_its_file() -> None:
    kind = (
        '<observation classCode="OBS" moodCode="EVN"><templateId root="1.2.250.1.213.1.1.3.48.18"/>'
        f'<code code="69764-9" {LOINC}/><value xsi:type="CD" code="DLU_006" '
        'codeSystem="1.2.250.1.213.1.1.4.322"/></observation>'
    )
    cv = section_of(attached(kind, media(), media()))
    document = one(cv, "DocumentReference")
    assert codes(document["type"]) == ["DLU_006"]
    assert codes(document["category"][0]) == ["55107-7"]
    assert len(document["content"]) == 2
    assert made(cv, "Observation") == made(cv, "Media") == []


def test_a_document_that_is_only_named_is_referred_to() -> None:
    entry = (
        '<act classCode="ACT" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.4"/>'
        '<id root="1.2.3"/><code nullFlavor="NA"/><text>voir</text><reference typeCode="REFR">'
        '<externalDocument><id root="1.2.9" extension="F-1"/><text><reference value="http://x.example/d"/></text>'
        "</externalDocument></reference></act>"
    )
    found = one(section_of(entry), "DocumentReference")
    assert found["identifier"] == [{"system": "urn:oid:1.2.9", "value": "F-1"}]
    assert found["content"] == [{"attachment": {"url": "http://x.example/d"}}]
    assert found["description"] == "voir"


def test_who_pays_is_a_coverage_inside_its_container() -> None:
    entry = (
        '<act classCode="ACT" moodCode="DEF"><templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.17"/>'
        f'<code code="48768-6" {LOINC}/><entryRelationship typeCode="COMP"><act classCode="ACT" moodCode="EVN">'
        '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.18"/><code code="SELF" codeSystem="2.16.840.1.113883.5.110"/>'
        '<performer><assignedEntity><id root="1.2.3" extension="9"/><representedOrganization>'
        '<id root="1.2.4" extension="8"/><name>Fund</name></representedOrganization></assignedEntity></performer>'
        "</act></entryRelationship></act>"
    )
    cv = section_of(entry)
    found = one(cv, "Coverage")
    assert [behind(cv, each)["resourceType"] for each in found["payor"]] == ["Organization"]
    assert codes(found["type"]) == ["SELF"]
