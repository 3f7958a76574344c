"""A whole document: the original kept, every resource traced, the same result for the same bytes."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from fhir_server.validation.structure import StructureValidator
from importers.cda.convert import convert
from importers.cda.extensions import BYTES, DEFINITIONS, XPATH
from importers.cda.reader import read
from importers.result import Unreadable
from profiles.registry import Registry
from tests.importers.cda.documents import BASE
from tests.importers.cda.whole import (
    OPTIONS,
    body,
    converted,
    document,
    only,
    resources,
    section,
)

AUTHOR = (
    '<author><time value="20200312111700+0100"/><assignedAuthor><id root="2.999.7" extension="A1"/>'
    "<assignedPerson><name><family>House</family></name></assignedPerson></assignedAuthor></author>"
)
OBSERVATION = (
    '<entry><observation classCode="OBS" moodCode="EVN"><id root="2.999.9" extension="O1"/>'
    '<code code="8302-2" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>'
    '<effectiveTime value="20200101"/><value xsi:type="PQ" value="1.80" unit="m"/></observation></entry>'
)
RICH = {
    "before": '<confidentialityCode code="R" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="en-GB"/>'
    '<setId root="2.999.6" extension="S"/><versionNumber value="2"/>',
    "after": AUTHOR
    + '<custodian><assignedCustodian><representedCustodianOrganization><id root="2.999.8" extension="C"/>'
    "<name>Clinic</name></representedCustodianOrganization></assignedCustodian></custodian>"
    '<relatedDocument typeCode="RPLC"><parentDocument><id root="2.999.5" extension="D0"/></parentDocument>'
    "</relatedDocument>"
    + body(section(f"<text><paragraph>Tall.</paragraph></text>{OBSERVATION}", code="8716-3")),
}


def extension(element: dict[str, Any], name: str) -> str:
    [found] = [each for each in element["extension"] if each["url"].endswith(f"/{name}")]
    value: str = found["valueString"]
    return value


def test_the_original_comes_first_with_its_bytes_behind_it() -> None:
    data = document(**RICH)
    first, second = (entry["resource"] for entry in convert(data, OPTIONS).bundle["entry"][:2])
    assert (first["resourceType"], second["resourceType"]) == ("DocumentReference", "Binary")
    assert b64decode(second["data"]) == data
    attachment = first["content"][0]["attachment"]
    assert attachment["size"] == len(data)
    assert b64decode(attachment["hash"]) == hashlib.sha1(data).digest()


def test_the_same_bytes_give_an_equal_result() -> None:
    assert converted(**RICH) == converted(**RICH)


def test_another_document_has_other_urls() -> None:
    urls = {entry["fullUrl"] for entry in converted(**RICH).bundle["entry"]}
    top = '<id root="2.999.5" extension="D2"/><code code="60591-5" codeSystem="2.16.840.1.113883.6.1"/>'
    assert not urls & {entry["fullUrl"] for entry in converted(**RICH, top=top).bundle["entry"]}


def test_provenance_leads_every_resource_to_its_place() -> None:
    data = document(**RICH)
    result = convert(data, OPTIONS)
    root = read(data).root
    targets = {t["reference"]: t for each in resources(result, "Provenance") for t in each["target"]}
    for entry in result.bundle["entry"]:
        if entry["resource"]["resourceType"] in ("Provenance", "Binary"):
            continue
        target = targets[entry["fullUrl"]]
        start, end = map(int, extension(target, BYTES).split("-"))
        path = extension(target, XPATH).replace("/", "/v3:").replace("/v3:ClinicalDocument", ".", 1)
        [node] = root.xpath(path, namespaces={"v3": "urn:hl7-org:v3"})
        assert data[start:end].startswith(f"<{etree.QName(node).localname}".encode())
        assert data[start:end].endswith(f"{etree.QName(node).localname}>".encode())


def test_provenance_names_the_source_the_author_and_the_time_of_the_document() -> None:
    result = converted(**RICH)
    provenance = only(result, "Provenance")
    assert provenance["entity"] == [
        {"role": "source", "what": {"reference": result.bundle["entry"][0]["fullUrl"]}}
    ]
    assert provenance["recorded"] == "2020-03-12T11:17:00+01:00"
    kinds = [agent["type"]["coding"][0]["code"] for agent in provenance["agent"]]
    assert kinds == ["author", "assembler"]


def test_what_another_author_said_has_its_own_provenance() -> None:
    said = AUTHOR.replace("A1", "A2").replace("20200312111700+0100", "20190101")
    entry = OBSERVATION.replace("</observation>", f"{said}</observation>")
    result = converted(after=AUTHOR + body(section(entry, code="8716-3")))
    times = sorted(each["occurredDateTime"] for each in resources(result, "Provenance"))
    assert times == ["2019-01-01", "2020-03-12T11:17:00+01:00"]


def test_labels_of_the_document_are_on_what_is_of_it_alone() -> None:
    result = converted(**RICH)
    labelled = {
        entry["resource"]["resourceType"]
        for entry in result.bundle["entry"]
        if entry["resource"].get("meta", {}).get("security", [{}])[0].get("code") == "R"
    }
    assert labelled == {"DocumentReference", "Binary", "Composition", "Observation", "Provenance"}


def test_numbers_keep_their_digits() -> None:
    quantity = only(converted(**RICH), "Observation")["valueQuantity"]
    assert bytes(quantity["value"]) == b"1.80"


def test_what_is_not_carried_is_counted_by_its_place() -> None:
    result = converted(after='<dataEnterer><strange value="1"/></dataEnterer>')
    assert result.unmapped == {"/ClinicalDocument/dataEnterer/strange/@value": 1}


def test_parts_of_the_format_are_not_counted() -> None:
    before = '<realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>'
    assert converted(before=before).unmapped == {}


@pytest.mark.parametrize("name", ["effectiveTime", "statusCode", "id"])
def test_text_in_an_element_that_has_none_is_counted(name: str) -> None:
    stray = re.sub(rf"<{name} ([^>]*)/>", rf"<{name} \1>lost words</{name}>", OBSERVATION)
    plain = converted(after=body(section(OBSERVATION))).unmapped
    assert any(path.endswith(f"/{name}/text()") for path in converted(after=body(section(stray))).unmapped)
    assert not any(path.endswith(f"/{name}/text()") for path in plain)


def test_text_in_an_element_of_the_format_is_counted() -> None:
    result = converted(
        before='<realmCode code="FR">lost</realmCode><strange><templateId>words</templateId></strange>'
    )
    assert {path.partition("t/")[2] for path in result.unmapped} == {
        "realmCode/text()",
        "strange/templateId/text()",
    }


@pytest.mark.parametrize(
    "count", [pytest.param(0, id="about-nobody"), pytest.param(2, id="about-two-persons")]
)
def test_a_document_is_about_one_person(count: int) -> None:
    data = document()
    start, end = data.index(b"<recordTarget>"), data.index(b"</ClinicalDocument>")
    with pytest.raises(Unreadable) as caught:
        convert(data[:start] + data[start:end] * count + data[end:])
    assert caught.value.kind == "patient"


def test_extensions_that_are_used_are_defined() -> None:
    result = converted(**RICH)
    ours = {
        each["url"].rpartition("/")[2]
        for entry in result.bundle["entry"]
        for each in _extensions(entry["resource"])
        if each["url"].startswith(BASE)
    }
    assert ours
    assert ours <= DEFINITIONS.keys()


def _extensions(tree: Any) -> list[dict[str, Any]]:
    if isinstance(tree, list):
        return [each for item in tree for each in _extensions(item)]
    if not isinstance(tree, dict):
        return []
    return [*tree.get("extension", ()), *(each for value in tree.values() for each in _extensions(value))]


DAMAGES = ("remove", "repeat", "empty", "rename", "null")


def damaged(data: bytes, damages: list[tuple[int, str]]) -> bytes:
    root = etree.fromstring(data)
    for number, kind in damages:
        nodes = [node for node in root.iter(etree.Element) if node is not root]
        node = nodes[number % len(nodes)]
        parent = node.getparent()
        assert parent is not None
        if kind == "remove":
            parent.remove(node)
        elif kind == "repeat":
            parent.append(etree.fromstring(etree.tostring(node)))
        elif kind == "empty":
            node.attrib.clear()
            node.text = None
        elif kind == "rename":
            node.tag = "{urn:hl7-org:v3}strange"
        else:
            node.attrib.clear()
            node.set("nullFlavor", "UNK")
    return etree.tostring(root)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500), st.sampled_from(DAMAGES)), min_size=1, max_size=6))
def test_a_damaged_document_is_converted_validly_or_refused(
    registry: Registry, damages: list[tuple[int, str]]
) -> None:
    validator = StructureValidator(registry)
    data = damaged(document(**RICH), damages)
    try:
        result = convert(data, OPTIONS)
    except Unreadable:
        return
    assert b64decode(result.bundle["entry"][1]["resource"]["data"]) == data
    for entry in result.bundle["entry"]:
        assert validator.validate(entry["resource"]) == []
