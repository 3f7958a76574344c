"""Whatever is removed, doubled, exchanged or spoilt in a document: no failure, no invention, all reported."""

from __future__ import annotations

import random
import re
import tomllib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec import Raw

from importers.cda.convert import convert
from importers.cda.extensions import BYTES, XPATH
from importers.result import ImportResult, Unreadable
from tests.importers.cda.six import DOCUMENTS
from tests.importers.cda.whole import OPTIONS

KINDS = ("remove", "double", "exchange", "empty", "rename", "spoil", "text")
GARBAGE = (
    "", " ", "-1", "1e999", "NaN", "20241345", "2024", "\u202e", "true", "9" * 40, "urn:x", "MSK", "#nowhere",
    "2.16.840.1.113883.6.1", "<b>", "0.10", "٣", "EVN",
)  # fmt: skip
COMPUTED = frozenset({"data", "hash", "size", "div", "fullUrl", "reference", "url"})
"""Elements whose content is made of the bytes, or checked elsewhere (narrative, references)."""
PLACES = frozenset({XPATH, BYTES})
TIME = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)?)?")
FIRST_MOMENT = re.compile(r"(?:-01)?-01T00:00:00")
"""What is added to a year or a month where FHIR has an instant; an issue says so."""
WORD = re.compile(r"\w+")
SAID_AGAIN = (re.compile(r"8([0-9]{11})"), re.compile(r"G15_([0-9]+)"))
"""Words of which a part is said again by itself: a number of the directory in that of a professional, the
profession in the code of a role."""

Change = tuple[int, str, int]
CHANGES = st.lists(
    st.tuples(st.integers(0, 10_000), st.sampled_from(KINDS), st.integers(0, 10_000)), max_size=6
)


def changed(data: bytes, changes: list[Change]) -> bytes:
    """Return the document with some of its nodes and attributes changed."""
    root = etree.fromstring(data, etree.XMLParser(remove_comments=True, remove_pis=True, huge_tree=True))
    for number, kind, other in changes:
        nodes = [node for node in root.iter(etree.Element) if node is not root]
        if nodes:
            _change(nodes, nodes[number % len(nodes)], kind, other)
    return etree.tostring(root)


def _change(nodes: list[etree._Element], node: etree._Element, kind: str, other: int) -> None:
    parent = node.getparent()
    assert parent is not None
    if kind == "remove":
        parent.remove(node)
    elif kind == "double":
        parent.append(etree.fromstring(etree.tostring(node, with_tail=False)))
    elif kind == "exchange":
        second = nodes[other % len(nodes)]
        node.tag, second.tag = second.tag, node.tag
    elif kind == "empty":
        node.attrib.clear()
        node.text = None
    elif kind == "rename":
        node.tag = "{urn:hl7-org:v3}" + ("strange", "value", "id", "code", "observation")[other % 5]
    elif kind == "text":
        # Only where the format has text: what stands elsewhere is in the original alone.
        node.text = GARBAGE[other % len(GARBAGE)] if (node.text or "").strip() else node.text
    elif node.attrib:
        names = sorted(map(str, node.attrib))
        node.set(names[other % len(names)], GARBAGE[other % len(GARBAGE)])


def converted(data: bytes) -> ImportResult | None:
    try:
        return convert(data, OPTIONS)
    except Unreadable:
        return None


def literals(tree: Any, name: str = "") -> Iterator[tuple[str, str | Raw]]:
    """Yield the name and the value of every leaf that was carried over, not computed."""
    if isinstance(tree, dict):
        if str(tree.get("url", "")).rpartition("/")[2] in PLACES:
            return
        for key, value in tree.items():
            if key not in COMPUTED:
                yield from literals(value, key)
    elif isinstance(tree, list):
        for item in tree:
            yield from literals(item, name)
    elif isinstance(tree, str | Raw):
        yield name, tree


@cache
def tables() -> frozenset[str]:
    """Return the words of the importer itself: its tables, and the codes and titles in its sources."""
    folder = Path(str(files("importers.cda")))
    texts = [file.read_text("utf-8") for file in folder.rglob("*") if file.suffix in (".toml", ".py")]
    return frozenset(WORD.findall(" ".join(texts)))


def said_in(data: bytes) -> tuple[frozenset[str], frozenset[str], str]:
    """Return the words, the attribute values and the digits of a document."""
    root = etree.fromstring(data, etree.XMLParser(huge_tree=True))
    texts = [*root.itertext("*"), *(str(value) for node in root.iter("*") for value in node.attrib.values())]
    values = frozenset(text.strip() for text in texts)
    return (
        frozenset(WORD.findall(" ".join(texts).replace("\u202e", " "))),
        values,
        " ".join(re.sub(r"\D", "", value) for value in values),
    )


def invented(data: bytes, result: ImportResult) -> list[tuple[str, str]]:
    """Return what the result says that neither the document nor the tables say."""
    words, values, digits = said_in(data)
    again = {part[1] for word in words for pattern in SAID_AGAIN if (part := pattern.fullmatch(word))}
    known = words | tables() | {word.lower() for word in words} | again
    found = []
    for entry in result.bundle["entry"]:
        for name, value in literals(entry["resource"]):
            if isinstance(value, Raw):
                if bytes(value).decode() not in values:
                    found.append((name, bytes(value).decode()))
            elif TIME.fullmatch(value):
                if re.sub(r"\D", "", FIRST_MOMENT.sub("", value[:19])[:10]) not in digits:
                    found.append((name, value))
            elif not value.startswith("urn:uuid:") and not set(WORD.findall(value)) <= known:
                found.append((name, value))
    return found


@cache
def structural() -> frozenset[tuple[str, str]]:
    rows = tomllib.loads(files("importers.cda").joinpath("report_lines.toml").read_text("utf-8"))
    return frozenset((row["element"], row["attribute"]) for row in rows["structural"])


CARRIED_AS_IT_IS = frozenset({"extension", "displayName"})
"""Attributes whose content stands in a resource as it stood in the document."""


def unreported(data: bytes, result: ImportResult) -> list[str]:
    """Return the places whose content is neither in a resource, nor counted, nor named by an issue."""
    said = " ".join(
        " ".join(value.split())
        for entry in result.bundle["entry"]
        for _, value in literals(entry["resource"])
        if isinstance(value, str)
    )
    divs = " ".join(
        " ".join("".join(etree.fromstring(text).itertext()).split()) for text in narratives(result.bundle)
    )
    files = {entry["resource"].get("data") for entry in result.bundle["entry"]}
    issues = {re.sub(r"\[\d+\]", "", issue.xpath) for issue in result.issues if issue.xpath}
    found = []
    for node in etree.fromstring(data, etree.XMLParser(huge_tree=True)).iter("*"):
        place, local = place_of(node), etree.QName(node).localname
        for name in map(str, node.attrib):
            if name not in CARRIED_AS_IT_IS or {(local, name), (local, "*"), ("*", name)} & structural():
                continue
            value = " ".join(str(node.get(name)).split())
            if value and value not in said and not _named(f"{place}/@{name}", place, result, issues):
                found.append(f"{place}/@{name}={value}")
        words = " ".join((node.text or "").split())
        as_content = b64encode((node.text or "").strip().encode()).decode()
        if not words or words in said or words in divs or node.get("representation") == "B64":
            continue
        if as_content in files:
            continue
        if not _named(f"{place}/text()", place, result, issues):
            found.append(f"{place}={words}")
    return found


def _named(line: str, place: str, result: ImportResult, issues: set[str]) -> bool:
    return line in result.unmapped or any(place == each or place.startswith(f"{each}/") for each in issues)


def place_of(node: etree._Element) -> str:
    parent = node.getparent()
    step = etree.QName(node).localname
    return f"/{step}" if parent is None else f"{place_of(parent)}/{step}"


def narratives(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("div"), str):
            yield tree["div"]
        for value in tree.values():
            yield from narratives(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from narratives(item)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_whole_document_says_what_it_said(name: str) -> None:
    result = convert(DOCUMENTS[name], OPTIONS)
    assert invented(DOCUMENTS[name], result) == []
    assert unreported(DOCUMENTS[name], result) == []
    assert not [met for met, made in result.templates.values() if made < met]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(sorted(DOCUMENTS)), changes=CHANGES)
def test_a_changed_document_is_converted_without_invention_or_refused(
    name: str, changes: list[Change]
) -> None:
    data = changed(DOCUMENTS[name], changes)
    result = converted(data)
    if result is not None:
        assert invented(data, result) == []
        assert unreported(data, result) == []
        assert b64decode(result.bundle["entry"][1]["resource"]["data"]) == data


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(sorted(DOCUMENTS)),
    cuts=st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=4)), min_size=1, max_size=4),
)
def test_spoilt_bytes_are_converted_or_refused(name: str, cuts: list[tuple[int, bytes]]) -> None:
    data = bytearray(DOCUMENTS[name])
    for place, inserted in cuts:
        at = place % len(data)
        data[at : at + len(inserted)] = inserted
    result = converted(bytes(data))
    assert result is None or result.bundle["entry"]


@pytest.mark.corpus
@pytest.mark.parametrize("seed", range(4))
def test_changed_public_documents_are_converted_without_invention_or_refused(seed: int, corpus: Path) -> None:
    source = random.Random(seed)
    documents = sorted((corpus / "french" / "cda").rglob("*.xml"))
    for path in source.sample(documents, 6):
        changes = [(source.randrange(10**6), source.choice(KINDS), source.randrange(10**6)) for _ in range(8)]
        data = changed(path.read_bytes(), changes)
        result = converted(data)
        if result is not None:
            assert invented(data, result) == [], path.name
