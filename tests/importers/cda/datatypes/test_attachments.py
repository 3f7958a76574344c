"""Embedded files: read exactly, or reported."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importers.cda.datatypes import attachment, content_of, value
from tests.importers.cda.documents import first, unused

PDF = b"%PDF-1.4 x\n"
PACKED = base64.b64encode(PDF).decode()


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=200), st.integers(1, 80))
def test_bytes_come_back_however_the_lines_are_broken(content: bytes, width: int) -> None:
    packed = base64.b64encode(content).decode()
    lines = "\r\n  ".join(packed[at : at + width] for at in range(0, len(packed), width))
    cv, node = first(f'<text mediaType="x/y" representation="B64">{lines}</text>')
    found = attachment(cv, node)
    assert found is not None
    assert base64.b64decode(found["data"], validate=True) == content
    assert found["size"] == len(content)
    assert base64.b64decode(found["hash"]) == hashlib.sha1(content).digest()
    assert not unused(cv)


@pytest.mark.parametrize(
    ("packed", "content", "issues"),
    [
        pytest.param(PACKED, PDF, 0, id="right"),
        pytest.param(PACKED.rstrip("="), PDF, 1, id="padding-lost"),
        pytest.param(PACKED.rstrip("=") + "===", PDF, 1, id="padding-too-long"),
        pytest.param(PACKED[:5], b"", 1, id="cut-off"),
        pytest.param("a*b=", b"", 1, id="illegal-letter"),
        pytest.param("====", b"", 1, id="padding-only"),
        pytest.param("", b"", 0, id="nothing"),
    ],
)
def test_base64_is_read_or_reported(packed: str, content: bytes, issues: int) -> None:
    cv, node = first(f'<text mediaType="application/pdf" representation="B64">{packed}</text>')
    assert content_of(cv, node) == content
    assert [issue.kind for issue in cv.issues] == ["media"] * issues


@pytest.mark.parametrize(
    ("attributes", "kind", "issues"),
    [
        pytest.param('mediaType="application/pdf"', "application/pdf", 0, id="as-declared"),
        pytest.param("", "application/pdf", 0, id="by-its-looks"),
        pytest.param('mediaType="image/png"', "image/png", 1, id="against-its-looks"),
    ],
)
def test_a_file_has_its_kind(attributes: str, kind: str, issues: int) -> None:
    cv, node = first(f'<text representation="B64" {attributes}>{PACKED}</text>')
    found = attachment(cv, node)
    assert found is not None
    assert found["contentType"] == kind
    assert len(cv.issues) == issues


def test_a_wrong_integrity_check_is_reported_and_the_bytes_kept() -> None:
    cv, node = first(f'<text representation="B64" integrityCheck="AAAA">{PACKED}</text>')
    found = attachment(cv, node)
    assert found is not None
    assert "integrity" in cv.issues[0].text


def test_words_and_addresses_are_carried() -> None:
    cv, node = first('<text mediaType="text/plain" language="fr"> é </text>')
    found = attachment(cv, node)
    assert found is not None
    assert base64.b64decode(found["data"]).decode() == "é"
    assert found["language"] == "fr"
    cv, node = first('<text mediaType="image/png"><reference value="http://a.example/b"/></text>')
    assert attachment(cv, node) == {"contentType": "image/png", "url": "http://a.example/b"}
    assert not unused(cv)


def test_a_file_as_value_is_an_attachment() -> None:
    inner = f'<value xsi:type="ED" representation="B64" mediaType="application/pdf">{PACKED}</value>'
    cv, node = first(inner)
    found = value(cv, node)
    assert found is not None
    assert found[0] == "Attachment"
    assert not unused(cv)
