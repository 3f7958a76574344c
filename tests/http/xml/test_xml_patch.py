"""XML Patch.  Spec: https://www.rfc-editor.org/rfc/rfc5261"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from fhir_server.http.xml.patch import apply_xml_patch
from fhir_server.model.outcome import FhirError


def element(text: str) -> Any:
    return etree.fromstring(text, etree.XMLParser(remove_blank_text=False))


def canonical(root: Any) -> bytes:
    """Return the document without the white space between elements, in canonical form."""
    copy = etree.fromstring(etree.tostring(root))
    for node in copy.iter():
        if node.text is not None and not node.text.strip():
            node.text = None
        if node.tail is not None and not node.tail.strip():
            node.tail = None
    etree.cleanup_namespaces(copy)
    return etree.tostring(copy, method="c14n", with_comments=True)


PATIENT = (
    '<Patient xmlns="http://hl7.org/fhir"><active value="true"/><name><family value="A"/></name></Patient>'
)


def patch(operations: str) -> str:
    return f'<diff xmlns="http://hl7.org/fhir" xmlns:f="http://hl7.org/fhir">{operations}</diff>'


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        pytest.param('<replace sel="f:Patient/f:active/@value">false</replace>', PATIENT.replace("true", "false"), id="attribute"),
        pytest.param('<remove sel="f:Patient/f:active"/>', PATIENT.replace('<active value="true"/>', ""), id="remove"),
        pytest.param('<add sel="/f:Patient/f:name[1]"><given value="B"/></add>', PATIENT.replace("</name>", '<given value="B"/></name>'), id="append"),
        pytest.param('<add sel="f:Patient/f:active" pos="before"><id value="p"/></add>', PATIENT.replace("<active", '<id value="p"/><active'), id="before"),
        pytest.param('<add sel="f:Patient/f:active" pos="after"><gender value="male"/></add>', PATIENT.replace("<name", '<gender value="male"/><name'), id="after"),
        pytest.param('<add sel="f:Patient/f:name" pos="prepend"><use value="usual"/></add>', PATIENT.replace("<family", '<use value="usual"/><family'), id="prepend"),
        pytest.param('<replace sel="f:Patient/f:name[f:family/@value=\'A\']"><name id="n"/></replace>', PATIENT.replace('<name><family value="A"/></name>', '<name id="n"/>'), id="by-content"),
    ],
)  # fmt: skip
def test_operations_do_what_the_rfc_says(operations: str, expected: str) -> None:
    root = element(PATIENT)
    assert canonical(apply_xml_patch(root, element(patch(operations)))) == canonical(element(expected))
    assert canonical(root) == canonical(element(PATIENT)), "the original stays as it was"


@pytest.mark.parametrize(
    ("operations", "situation"),
    [
        pytest.param("", "malformed-patch", id="no-operation"),
        pytest.param('<move sel="f:Patient"/>', "malformed-patch", id="unknown-operation"),
        pytest.param("<remove/>", "malformed-patch", id="no-selector"),
        pytest.param('<remove sel="//f:name"/>', "malformed-patch", id="descent"),
        pytest.param('<remove sel="f:Patient/ancestor::*"/>', "malformed-patch", id="axis"),
        pytest.param('<remove sel="f:Patient/f:name[count(//*)]"/>', "malformed-patch", id="function"),
        pytest.param('<remove sel="x:Patient"/>', "malformed-patch", id="undeclared-prefix"),
        pytest.param('<remove sel="f:Patient"/>', "patch-failed", id="root"),
        pytest.param('<remove sel="f:Patient/f:photo"/>', "patch-failed", id="nothing-there"),
        pytest.param('<remove sel="f:Patient/*"/>', "patch-failed", id="two-there"),
        pytest.param('<add sel="f:Patient/f:active" type="@value">x</add>', "patch-failed", id="attribute-is-there"),
        pytest.param('<add sel="f:Patient/f:active" type="value">x</add>', "malformed-patch", id="type"),
        pytest.param('<add sel="f:Patient/f:active" pos="within"/>', "malformed-patch", id="position"),
        pytest.param('<add sel="f:Patient" pos="before"><a/></add>', "patch-failed", id="beside-the-root"),
        pytest.param('<replace sel="f:Patient/f:active"/>', "malformed-patch", id="replace-by-nothing"),
        pytest.param('<replace sel="f:Patient/f:active/@value"><a/></replace>', "malformed-patch", id="attribute-by-element"),
    ],
)  # fmt: skip
def test_a_patch_that_does_not_fit_is_refused(operations: str, situation: str) -> None:
    with pytest.raises(FhirError) as refusal:
        apply_xml_patch(element(PATIENT), element(patch(operations)))
    assert refusal.value.issues[0].situation == situation


@pytest.mark.corpus
def test_the_public_cases(corpus: Path) -> None:
    cases = etree.parse(str(corpus / "patch" / "xml-patch-tests.xml")).findall("case")
    assert len(cases) >= 18
    for case in cases:
        target = next(iter(case.find("target")), None)
        operations = case.find("{http://hl7.org/fhir}patch")
        if target is None:
            continue  # a document without a root cannot reach the engine
        if case.find("error") is not None:
            with pytest.raises(FhirError):
                apply_xml_patch(_alone(target), operations)
            continue
        if operations[0].get("type", "").startswith("namespace::"):
            continue  # a prefix is no content of a resource
        expected = next(iter(case.find("patched")))
        assert canonical(apply_xml_patch(_alone(target), operations)) == canonical(_alone(expected)), (
            case.get("name")
        )


def _alone(node: Any) -> Any:
    return etree.fromstring(etree.tostring(node, with_tail=False))
