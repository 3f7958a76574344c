"""Reaching into a document: names, places, and places as XPath."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid5

import pytest
from lxml import etree

from importers.cda.conversion import Conversion
from importers.cda.reader import read
from importers.cda.xml import PREFIXES, V3, attr, child, children, every, local, once, path, tag_of
from tests.importers.cda.documents import BASE, ZONE, conversion_of, first


def selected(cv: Conversion, place: str) -> list[etree._Element]:
    """Evaluate a place as the docstring of `Conversion.xpath` says: names without prefix are CDA's."""
    alone = etree.fromstring(etree.tostring(cv.source.root, with_tail=False))
    steps = [
        step if ":" in step.partition("[")[0] or step.startswith("*") else f"v3:{step}"
        for step in split(place)
    ]
    found = alone.xpath("/" + "/".join(steps), namespaces={"v3": V3, **PREFIXES})
    assert isinstance(found, list)
    return found


def split(place: str) -> list[str]:
    """Return the steps of a place; a namespace in quotes may hold slashes."""
    steps, quoted = [""], False
    for letter in place[1:]:
        quoted ^= letter == "'"
        if letter == "/" and not quoted:
            steps.append("")
        else:
            steps[-1] += letter
    return steps


MIXED = (
    "<component><section/><section><entry/><v3:entry/></section></component>"
    "<pharm:x/><sdtc:x><pharm:x/><y xmlns='urn:a/b'/><y xmlns='urn:a/b'/><y xmlns=''/></sdtc:x><x/>"
)


def test_a_place_selects_exactly_its_element() -> None:
    cv = conversion_of(MIXED)
    for node in cv.source.root.iter(etree.Element):
        found = selected(cv, cv.xpath(node))
        assert len(found) == 1
        assert etree.tostring(found[0], method="c14n", with_tail=False) == etree.tostring(
            node, method="c14n", with_tail=False
        )


def test_places_are_different_and_written_with_our_own_prefixes() -> None:
    cv = conversion_of(MIXED)
    places = [cv.xpath(node) for node in cv.source.root.iter(etree.Element)]
    assert len(set(places)) == len(places)
    assert "/ClinicalDocument/component/section[2]/entry[2]" in places
    assert "/ClinicalDocument/sdtc:x/pharm:x" in places


def test_a_place_begins_at_the_document_wherever_it_stands() -> None:
    cv = conversion_of("<title/>")
    inside = read(b"<x>" + cv.source.data + b"</x>")
    wrapped = Conversion(inside, UUID(int=1), ZONE, BASE)
    assert wrapped.xpath(inside.root[0]) == "/ClinicalDocument/title"


def test_one_question_places_all_siblings() -> None:
    cv = conversion_of("<entry/>" * 4_000)
    nodes = children(cv.source.root)
    assert cv.xpath(nodes[-1]) == "/ClinicalDocument/entry[4000]"
    assert [cv.xpath(node) for node in nodes[:2]] == [
        "/ClinicalDocument/entry[1]",
        "/ClinicalDocument/entry[2]",
    ]


def test_names_reach_children_of_their_namespace() -> None:
    _, node = first("<a><b n=' 1 '/><sdtc:b n='2'/><v3:b n='3'/><c><d/></c><c><e n='4'/></c></a>")
    assert attr(child(node, "b"), "n") == "1"
    assert attr(child(node, "sdtc:b"), "n") == "2"
    assert [attr(each, "n") for each in children(node, "b")] == ["1", "3"]
    assert attr(path(node, "c/e"), "n") == "4"
    assert len(list(every(node, "c"))) == 2
    assert child(node, "z") is None
    assert path(node, "c/z") is None
    assert attr(None, "n") is None


def test_children_of_a_name_are_those_that_stand_there_in_their_order() -> None:
    root = conversion_of(MIXED).source.root
    names = ("section", "entry", "pharm:x", "sdtc:x", "x", "y")
    for node in root.iter(etree.Element):
        for name in names:
            expected = list(node.iterchildren(tag_of(name)))
            assert children(node, name) == expected
            assert child(node, name) is (expected[0] if expected else None)
        assert children(node, *names) == list(node.iterchildren(*map(tag_of, names)))


def test_a_question_about_an_element_is_asked_once() -> None:
    asked = []

    @once
    def question(node: etree._Element) -> str:
        asked.append(node)
        return local(node)

    root = conversion_of(MIXED).source.root
    nodes = list(root.iter(etree.Element))
    assert [question(node) for node in nodes] == [question(node) for node in nodes]
    assert asked == nodes


def test_what_is_found_out_of_one_document_is_not_found_in_another() -> None:
    texts = [conversion_of(f"<a><b n='{number}'/></a>").source.root for number in range(3)]
    assert [attr(path(root, "a/b"), "n") for root in texts] == ["0", "1", "2"]


def test_the_identity_of_a_resource_is_a_uuid_made_of_its_name() -> None:
    seed = UUID("12345678-1234-5678-1234-567812345678")
    cv = Conversion(conversion_of("<entry/>" * 200).source, seed, ZONE, BASE)
    for node in cv.source.root.iter(etree.Element):
        expected = uuid5(seed, f"Observation|{cv.xpath(node)}|other")
        assert cv.full_url("Observation", node, "other") == f"urn:uuid:{expected}"


@pytest.mark.corpus
def test_places_of_the_corpus_select_their_elements(corpus: Path) -> None:
    file = corpus / "french" / "cda" / "tc3.0" / "BIO-CR-BIO_2024.01_Microbiologie_V2.xml"
    cv = Conversion(read(file.read_bytes()), UUID(int=1), ZONE, BASE)
    for node in list(cv.source.root.iter(etree.Element))[::97]:
        (found,) = selected(cv, cv.xpath(node))
        assert dict(found.attrib) == dict(node.attrib)
        assert found.tag == node.tag
