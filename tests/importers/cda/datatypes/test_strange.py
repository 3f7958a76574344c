"""Whatever stands in an element, no datatype raises, and what it did not carry stays unused."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from importers.cda import datatypes
from importers.cda.narrative import narrative
from importers.cda.xml import children
from tests.importers.cda.documents import conversion_of, first

READERS: list[Callable[..., Any]] = [
    found
    for name in datatypes.__all__
    if list(inspect.signature(found := getattr(datatypes, name)).parameters)[:2] == ["cv", "node"]
]

ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        ["value", "unit", "code", "codeSystem", "displayName", "nullFlavor", "root", "extension", "use",
         "qualifier", "xsi:type", "representation", "inclusive", "mediaType", "institutionSpecified", "ID"]
    ),
    st.sampled_from(
        ["", " ", "1", "-1.50", "1e999", "x", "#a", "a", "tel:", "1.2.3", "MSK", "XX", "20200101", "202003290230",
         "20200101000000+9999", "99999999999999", "UI/L", "mg", "a" * 40, "PQ", "IVL_PQ", "IVL_TS", "PIVL_TS", "EIVL_TS",
         "SXPR_TS", "zz:CD", ":", "CD", "ED", "RTO", "B64", "true", "false", "BR CL", "H HP", "é\u00a0", "²"]
    ),
    max_size=5,
)  # fmt: skip
NAMES = st.sampled_from(
    ["low", "high", "center", "width", "translation", "originalText", "reference", "numerator", "denominator",
     "period", "phase", "event", "offset", "comp", "family", "given", "city", "streetName", "code", "telecom", "addr", "id",
     "useablePeriod", "validTime", "x"]
)  # fmt: skip
WORDS = st.sampled_from(["", "a", " 5 ", "QUJD", "====", "&lt;"])


def element(name: str, attributes: dict[str, str], text: str, parts: list[str]) -> str:
    shown = "".join(f' {key}="{given}"' for key, given in attributes.items())
    return f"<{name}{shown}>{text}{''.join(parts)}</{name}>"


ELEMENTS = st.recursive(
    st.builds(element, NAMES, ATTRIBUTES, WORDS, st.just([])),
    lambda inner: st.builds(element, NAMES, ATTRIBUTES, WORDS, st.lists(inner, max_size=3)),
    max_leaves=6,
)


@settings(deadline=None, max_examples=200)
@given(st.builds(element, st.just("value"), ATTRIBUTES, WORDS, st.lists(ELEMENTS, max_size=3)))
def test_no_element_is_too_strange(inner: str) -> None:
    cv, node = first(inner + "<text><content ID='a'>x</content></text>")
    assert len(READERS) > 25
    for reader in READERS:
        reader(cv, node)
    datatypes.timings(cv, [node, *children(node)])
    narrative(cv, node)
    list(cv.unused())


@settings(deadline=None)
@given(st.builds(element, st.just("value"), ATTRIBUTES, WORDS, st.lists(ELEMENTS, max_size=3)))
def test_the_same_element_gives_the_same_result(inner: str) -> None:
    results = []
    for _ in range(2):
        cv, node = first(inner)
        results.append((datatypes.value(cv, node), datatypes.quantity(cv, node), tuple(cv.issues)))
    assert results[0] == results[1]


@pytest.mark.corpus
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_documents_with_nodes_removed_doubled_and_spoilt_never_raise(
    corpus: Path, data: st.DataObject
) -> None:
    files = sorted((corpus / "french" / "cda" / "tc3.0").glob("*2024.01*.xml"))
    root = etree.parse(data.draw(st.sampled_from(files)), etree.XMLParser(remove_comments=True)).getroot()
    nodes = [node for node in root.iter(etree.Element) if node.getparent() is not None]
    for _ in range(data.draw(st.integers(1, 8))):
        spoil(nodes[data.draw(st.integers(0, len(nodes) - 1))], data)
    body = b"".join(etree.tostring(node, with_tail=False) for node in root)
    cv = conversion_of(body.decode())
    for node in cv.source.root.iter(etree.Element):
        for reader in (datatypes.value, datatypes.effective, datatypes.human_names, datatypes.identifier):
            reader(cv, node)
        datatypes.codeable_concept(cv, node)
    list(cv.unused())


def spoil(node: etree._Element, data: st.DataObject) -> None:
    parent = node.getparent()
    if parent is None:
        return
    kind = data.draw(st.sampled_from(["remove", "double", "attribute", "text"]))
    if kind == "remove":
        parent.remove(node)
    elif kind == "double":
        parent.append(etree.fromstring(etree.tostring(node, with_tail=False)))
    elif kind == "attribute" and node.attrib:
        key = data.draw(st.sampled_from(sorted(map(str, node.attrib))))
        node.set(key, data.draw(st.sampled_from(["", "x", "-1", "é", "0" * 99])))
    else:
        node.text = data.draw(WORDS)
