"""FHIR XML in and out.  Spec: https://hl7.org/fhir/R4/xml.html"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from fhir_server.http.xml.narrative import narratives
from fhir_server.http.xml.reader import XmlReader
from fhir_server.http.xml.shapes import Shapes
from fhir_server.http.xml.writer import XmlWriter
from fhir_server.model.exact_json import decode
from fhir_server.model.outcome import FhirError
from profiles.registry import Registry

FHIR = "http://hl7.org/fhir"


@pytest.fixture(scope="module")
def shapes(registry: Registry) -> Shapes:
    return Shapes(registry)


@pytest.fixture(scope="module")
def reader(shapes: Shapes) -> XmlReader:
    return XmlReader(shapes)


@pytest.fixture(scope="module")
def writer(shapes: Shapes) -> XmlWriter:
    return XmlWriter(shapes)


PATIENT = r"""
{"resourceType": "Patient", "id": "p",
 "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p class='a'>é <br />&amp; &#160;</p></div>"},
 "contained": [{"resourceType": "Organization", "id": "o", "name": "tab\tline\n<\"&>"}],
 "extension": [{"url": "http://x/y", "valueDecimal": 1.50e2}],
 "name": [{"id": "n1", "given": ["A", null, "C"],
           "_given": [null, {"extension": [{"url": "http://x/z", "valueCode": "unknown"}]}, null]}],
 "active": true, "_birthDate": {"id": "b"}, "multipleBirthInteger": -2}
""".encode()


def test_a_tree_comes_back_equal_to_the_literal(reader: XmlReader, writer: XmlWriter) -> None:
    tree = decode(PATIENT)
    assert reader.read(writer.write(tree)) == tree


def test_elements_stand_in_the_order_of_the_definition(writer: XmlWriter) -> None:
    root = etree.fromstring(writer.write(decode(PATIENT)))
    assert [etree.QName(child).localname for child in root] == [
        "id", "text", "contained", "extension", "active", "name", "birthDate", "multipleBirthInteger",
    ]  # fmt: skip
    assert root[3].get("url") == "http://x/y"
    assert root[3][0].get("value") == "1.50e2"
    assert [given.get("value") for given in root[5]] == ["A", None, "C"]


@pytest.mark.parametrize(
    "div",
    [
        pytest.param("<div xmlns='http://www.w3.org/1999/xhtml'>a<br/>b<!-- </div> --></div>", id="comment"),
        pytest.param(
            '<div xmlns="http://www.w3.org/1999/xhtml"><div a="x>y">1</div><div/>2</div>', id="nested"
        ),
        pytest.param('<div  xmlns="http://www.w3.org/1999/xhtml" \n class = "q"/>', id="odd-space"),
    ],
)
def test_a_narrative_keeps_every_character(div: str, reader: XmlReader, writer: XmlWriter) -> None:
    tree = {"resourceType": "Basic", "text": {"status": "generated", "div": div}}
    assert reader.read(writer.write(tree)) == tree
    assert list(narratives(f"<a><!-- <div> --><b>{div}</b></a>")) == [div]


def test_a_named_character_of_html_becomes_that_character(reader: XmlReader, writer: XmlWriter) -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml">a&nbsp;b &lt;</div>'
    tree = {"resourceType": "Basic", "text": {"status": "generated", "div": div}}
    assert reader.read(writer.write(tree))["text"]["div"] == div.replace("&nbsp;", "\xa0")


def document(inner: str, name: str = "Patient", namespace: str = FHIR) -> bytes:
    return f'<{name} xmlns="{namespace}">{inner}</{name}>'.encode()


@pytest.mark.parametrize(
    ("data", "situation", "place"),
    [
        pytest.param(b"", "empty-body", None, id="nothing"),
        pytest.param(b"{}", "malformed-xml", None, id="json"),
        pytest.param(document("<active value='true'>"), "malformed-xml", None, id="not-closed"),
        pytest.param(b"<!DOCTYPE Patient []>" + document(""), "malformed-xml", None, id="document-type"),
        pytest.param(
            b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>' + document("<id value='&a;'/>"),
            "malformed-xml", None, id="external-entity",
        ),
        pytest.param(document("<id value='&a;'/>"), "malformed-xml", None, id="undeclared-entity"),
        pytest.param(document("", namespace="urn:x"), "unknown-element", "Patient", id="wrong-namespace"),
        pytest.param(document("", name="Nothing"), "unknown-element", None, id="unknown-type"),
        pytest.param(document("<foo value='1'/>"), "unknown-element", "Patient.foo", id="unknown-element"),
        pytest.param(
            document("<name><family value='a' lang='b'/></name>"),
            "unknown-element", "Patient.name[0].family", id="unknown-attribute",
        ),
        pytest.param(document("<id value='a'/><id value='a'/>"), "cardinality", "Patient.id", id="twice"),
        pytest.param(document("<active/>"), "empty-element", "Patient.active", id="no-value"),
        pytest.param(document("hello"), "malformed-xml", "Patient", id="stray-text"),
        pytest.param(
            document("<contained><Patient/><Patient/></contained>"),
            "cardinality", "Patient.contained[0]", id="two-in-contained",
        ),
        pytest.param(
            document('<div xmlns="http://www.w3.org/1999/xhtml"/>'),
            "unknown-element", "Patient.div", id="div-outside-text",
        ),
        pytest.param(
            b'<?xml version="1.0" encoding="ISO-8859-1"?><Patient/>', "illegal-character", None, id="latin-1"
        ),
        pytest.param(b"<Patient>\xff</Patient>", "illegal-character", None, id="not-utf-8"),
        pytest.param(
            document("<extension url='a'>" * 70 + "</extension>" * 70), "too-deep",
            "Patient" + ".extension[0]" * 64, id="deep",
        ),
    ],
)  # fmt: skip
def test_what_json_could_not_say_is_refused_with_its_place(
    data: bytes, situation: str, place: str | None, reader: XmlReader
) -> None:
    with pytest.raises(FhirError) as refusal:
        reader.read(data)
    assert (refusal.value.issues[0].situation, refusal.value.issues[0].expression) == (situation, place)
    assert 400 <= refusal.value.status < 500


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("TRUE", "TRUE"), ("1", "1")], ids=["true", "capitals", "digit"]
)
def test_a_value_that_is_not_of_its_type_is_kept_for_validation(
    value: str, expected: Any, reader: XmlReader
) -> None:
    assert reader.read(document(f"<active value='{value}'/>"))["active"] == expected


def test_a_control_character_cannot_be_written(writer: XmlWriter) -> None:
    with pytest.raises(FhirError) as refusal:
        writer.write({"resourceType": "Patient", "gender": "a\x01"})
    assert refusal.value.status == 406


@pytest.mark.corpus
def test_every_example_comes_back_equal_to_the_literal(
    corpus: Path, reader: XmlReader, writer: XmlWriter
) -> None:
    files = sorted((corpus / "r4-examples").glob("*.json"))
    assert len(files) == 516
    for file in files:
        tree = decode(file.read_bytes())
        assert reader.read(writer.write(tree)) == tree, file.name


@pytest.mark.corpus
def test_pairs_that_others_wrote_are_the_same_tree(corpus: Path, reader: XmlReader) -> None:
    folder = corpus / "validator"
    pairs = [
        "bundle-good",
        "list-contained",
        "list-wrong-code",
        "patient-example",
        "patient-good",
        "patient-lang1",
    ]
    for name in pairs:
        ours = reader.read((folder / f"{name}.xml").read_bytes())
        theirs = decode((folder / f"{name}.json").read_bytes())
        assert _without_narrative(ours) == _without_narrative(theirs), name


def _without_narrative(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if key != "text"}
