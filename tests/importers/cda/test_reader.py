"""Reading: what is refused and why, what is found, and the exact bytes of every element."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from importers.cda.reader import Limits, read
from importers.cda.spans import spans
from importers.cda.xml import V3
from importers.result import Unreadable
from tests.importers.cda.documents import HEAD, TAIL

SMALL = Limits(size_bytes=20_000, depth=8, elements=40, text_length=500, tag_length=200)
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {name} "&{below};&{below};&{below};">' for name, below in zip("bcdefg", "abcdef"))
    + f"]>{HEAD}<title>&g;</title>{TAIL}"
)


def document(inner: str = "<title>x</title>") -> str:
    return f"{HEAD}{inner}{TAIL}"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b" \n\t ", "empty", id="blanks"),
        pytest.param(b"\xef\xbb\xbf", "malformed", id="a-byte-order-mark-and-nothing"),
        pytest.param(b"%PDF-1.7 ...", "malformed", id="a-pdf"),
        pytest.param(b'{"resourceType": "Bundle"}', "malformed", id="json"),
        pytest.param(b"PK\x03\x04\x00\x00", "malformed", id="a-zip"),
        pytest.param(BOMB.encode(), "doctype", id="billion-laughs"),
        pytest.param(
            f'<!DOCTYPE x SYSTEM "file:///etc/passwd">{document()}'.encode(), "doctype", id="external-dtd"
        ),
        pytest.param(
            f'<!-- a --><!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1/">]>{document("&e;")}'.encode(),
            "doctype",
            id="external-entity",
        ),
        pytest.param(document("<title>&nbsp;</title>").encode(), "malformed", id="unknown-entity"),
        pytest.param(document("<title>").encode(), "malformed", id="not-closed"),
        pytest.param(document("<title></text>").encode(), "malformed", id="closed-by-another"),
        pytest.param(document()[:-9].encode(), "malformed", id="cut-off-in-a-tag"),
        pytest.param(document('<value xxx:type="PQ"/>').encode(), "malformed", id="undeclared-prefix"),
        pytest.param(document("<title>\x01</title>").encode(), "malformed", id="control-character"),
        pytest.param(document("<title>\xe9</title>").encode("latin-1"), "encoding", id="not-the-utf-8-it-is"),
        pytest.param(f'<?xml version="1.0" encoding="utf-7"?>{document()}'.encode(), "encoding", id="utf-7"),
        pytest.param(
            f'<?xml version="1.0" encoding="klingon"?>{document()}'.encode(),
            "encoding",
            id="unknown-encoding",
        ),
        pytest.param(document().encode("utf-16-le")[:-1], "encoding", id="half-a-character"),
        pytest.param(b'<ClinicalDocument xmlns="urn:hl7-org:v2"/>', "namespace", id="another-namespace"),
        pytest.param(b"<ClinicalDocument/>", "namespace", id="no-namespace"),
        pytest.param(b"<Bundle xmlns='http://hl7.org/fhir'/>", "no-document", id="something-else"),
        pytest.param(f"<x>{document()}{document()}</x>".encode(), "several-documents", id="two-documents"),
        pytest.param(b"x" * 20_001, "too-large", id="too-many-bytes"),
        pytest.param(document("<section>" * 8 + "</section>" * 8).encode(), "too-deep", id="nested-too-deep"),
        pytest.param(document("<br/>" * 40).encode(), "too-many-elements", id="too-many-elements"),
        pytest.param(document("x" * 501).encode(), "text-too-long", id="too-long-a-text"),
        pytest.param(document(f"<![CDATA[{'x' * 501}]]>").encode(), "text-too-long", id="too-long-a-cdata"),
        pytest.param(document(f"<a b='{'x' * 300}'/>").encode(), "tag-too-long", id="too-long-an-attribute"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(data: bytes, kind: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(data, SMALL)
    assert refused.value.kind == kind
    assert refused.value.text


def test_a_tag_that_never_ends_is_refused_without_being_read_again_and_again() -> None:
    with pytest.raises(Unreadable) as refused:
        read(b"<a " * 300_000)
    assert refused.value.kind == "malformed"


def test_thousands_of_nested_sections_are_refused_by_default() -> None:
    with pytest.raises(Unreadable) as refused:
        read(document("<section>" * 5000 + "</section>" * 5000).encode())
    assert refused.value.kind == "too-deep"


def test_reading_stops_at_the_deadline() -> None:
    moments = iter([0.0, 3.0])
    with pytest.raises(Unreadable) as refused:
        spans(document().encode(), "utf-8", Limits(seconds=2), clock=lambda: next(moments))
    assert refused.value.kind == "too-slow"


def test_a_refusal_never_quotes_the_document() -> None:
    with pytest.raises(Unreadable) as refused:
        read(document("<name>Secret</wrong>").encode())
    assert "Secret" not in refused.value.text


@pytest.mark.parametrize(
    ("encoding", "mark", "declared"),
    [
        pytest.param("utf-8", b"", None, id="utf-8"),
        pytest.param("utf-8", b"", "UTF-8", id="utf-8-declared"),
        pytest.param("utf-8", codecs.BOM_UTF8, "utf-8", id="utf-8-with-mark"),
        pytest.param("utf-16-le", codecs.BOM_UTF16_LE, "utf-16", id="utf-16-little-endian"),
        pytest.param("utf-16-be", codecs.BOM_UTF16_BE, "UTF-16", id="utf-16-big-endian"),
        pytest.param("utf-16-le", b"", None, id="utf-16-without-mark"),
        pytest.param("iso-8859-1", b"", "ISO-8859-1", id="latin-1"),
        pytest.param("iso-8859-15", b"", "iso-8859-15", id="latin-9"),
        pytest.param("cp1252", b"", "windows-1252", id="windows-1252"),
    ],
)
def test_every_encoding_that_is_read_gives_text_and_bytes(
    encoding: str, mark: bytes, declared: str | None
) -> None:
    wide = "\U0001f9ec" if encoding.startswith("utf") else ""
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    data = mark + f"{head}{HEAD}<title>{wide}dénutrition</title><text>é</text>{TAIL}".encode(encoding)
    source = read(data)
    title, text = source.root
    assert title.text == f"{wide}dénutrition"
    start, end = source.span_of(text)
    assert data[start:end].decode(encoding) == "<text>é</text>"
    assert not source.notes


@pytest.mark.parametrize(
    ("data", "word"),
    [
        pytest.param(
            codecs.BOM_UTF8 + b'<?xml version="1.0" encoding="iso-8859-1"?>' + document("é").encode(),
            "declares",
            id="mark-against-declaration",
        ),
        pytest.param(
            b'<?xml version="1.0" encoding="utf-16"?>' + document("é").encode(), "declares", id="not-utf-16"
        ),
    ],
)
def test_bytes_win_over_what_they_declare(data: bytes, word: str) -> None:
    source = read(data)
    assert source.root.text == "é"
    assert word in source.notes[0].text


@pytest.mark.parametrize(
    "wrapper",
    [
        pytest.param(
            '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform">{}</xsl:stylesheet>', id="xsl"
        ),
        pytest.param("<e:Envelope xmlns:e='urn:e'><e:Body><x>{}</x></e:Body></e:Envelope>", id="envelope"),
    ],
)
def test_the_document_is_found_inside_something_else(wrapper: str) -> None:
    data = wrapper.format(document()).encode()
    source = read(data)
    start, end = source.span_of(source.root)
    assert data[start:end] == document().encode()
    assert [note.kind for note in source.notes] == ["structure"]


def test_processing_instructions_are_passed_over_and_reported() -> None:
    data = f'<?xml version="1.0"?><?xml-stylesheet href="x.xsl"?>{document("<?php x ?><title>a</title>")}'
    source = read(data.encode())
    assert [child.tag for child in source.root] == [f"{{{V3}}}title"]
    assert "instructions" in source.notes[0].text


TEXTS = st.sampled_from(
    [
        "",
        "a",
        "é",
        "\U0001f9ec",
        "&lt;b&gt;",
        "<!-- <c> -->",
        "<![CDATA[</d>]]>",
        "<?p <e> ?>",
        "a > b",
        "'\"",
    ]
)
ATTRIBUTES = st.sampled_from(["", ' a="1"', " a='>'", ' a="/>"', " a = '&quot;' b=\"'\"", ' a="é\U0001f9ec"'])
TREES = st.recursive(
    st.builds("<leaf{0}/>".format, ATTRIBUTES),
    lambda inner: st.builds(
        lambda attributes, parts: f"<n{attributes} >{''.join(parts)}</n >",
        ATTRIBUTES,
        st.lists(st.one_of(inner, TEXTS), max_size=4),
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(inner=TREES, encoding=st.sampled_from(["utf-8", "utf-16-le"]))
def test_the_bytes_of_an_element_are_that_element(inner: str, encoding: str) -> None:
    data = document(inner).encode(encoding)
    source = read(data)
    for node in source.root.iter(etree.Element):
        start, end = source.span_of(node)
        fragment = data[start:end].decode(encoding)
        again = etree.fromstring(
            f"{HEAD}{fragment}{TAIL}", etree.XMLParser(remove_comments=True, remove_pis=True)
        )
        found = again[0]
        tail, node.tail = node.tail, None
        assert etree.tostring(found, method="c14n", exclusive=True, with_tail=False) == etree.tostring(
            node, method="c14n", exclusive=True, with_tail=False
        )
        node.tail = tail


@pytest.mark.corpus
def test_every_document_of_the_corpus_gives_the_bytes_of_its_elements(corpus: Path) -> None:
    files = sorted((corpus / "french" / "cda").rglob("*.xml"))
    assert len(files) > 100
    for file in files:
        data = file.read_bytes()
        source = read(data)
        for node in source.root.iter(etree.Element):
            start, end = source.span_of(node)
            name = etree.QName(node).localname.encode()
            fragment = data[start:end]
            assert fragment.endswith(b"/>") or fragment.rstrip(b" >").endswith(name), file.name
            opening = re.match(rb"<(?:[\w.-]+:)?([\w.-]+)", fragment)
            assert opening is not None
            assert opening[1] == name
