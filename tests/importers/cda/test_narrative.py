"""Narratives: all words in their order, nothing that acts, anchors that stay."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from fhir_server.validation.narrative import narrative_fault
from importers.cda.conversion import Conversion, Element
from importers.cda.narrative import narrative
from importers.cda.reader import read
from importers.cda.text import resolve, said, text_of
from importers.cda.xml import child, tag_of
from tests.importers.cda.documents import BASE, ZONE, conversion_of, first, unused


def div(inner: str) -> str | None:
    cv, node = first(f"<text>{inner}</text>")
    return narrative(cv, node)


def body(inner: str) -> str:
    found = div(inner)
    assert found is not None
    assert narrative_fault(found) is None
    return found.removeprefix('<div xmlns="http://www.w3.org/1999/xhtml">').removesuffix("</div>")


def letters(node: Element) -> str:
    """Return all text of an element without blanks."""
    return "".join("".join(node.itertext("*")).split())


@pytest.mark.parametrize(
    ("cda", "xhtml"),
    [
        pytest.param("a  \n b", "a b", id="blanks"),
        pytest.param("a &lt; b &amp; c", "a &lt; b &amp; c", id="escaped"),
        pytest.param("<paragraph>a</paragraph>", "<p>a</p>", id="paragraph"),
        pytest.param("a<br/>b", "a<br/>b", id="line-break"),
        pytest.param("<list><item>a</item></list>", "<ul><li>a</li></ul>", id="list"),
        pytest.param(
            '<list listType="ordered"><item>a</item></list>', "<ol><li>a</li></ol>", id="ordered-list"
        ),
        pytest.param(
            "<table border='1'><caption>c</caption><col width='5'/><tbody><tr><td colspan='2'>a</td></tr></tbody></table>",
            '<table border="1"><caption>c</caption><col width="5"/><tbody><tr><td colspan="2">a</td></tr></tbody></table>',
            id="table",
        ),
        pytest.param("<paragraph><caption>c</caption>a</paragraph>", "<p><span>c</span>a</p>", id="caption"),
        pytest.param(
            "<content styleCode='Bold'>a</content>", '<span style="font-weight: bold">a</span>', id="bold"
        ),
        pytest.param("H<sub>2</sub>O m<sup>3</sup>", "H<sub>2</sub>O m<sup>3</sup>", id="indices"),
        pytest.param(
            "<content revised='delete'>a</content>b", "<del>a</del>b", id="deleted-text-is-crossed-out"
        ),
        pytest.param("<content ID='x1'>a</content>", '<span id="x1">a</span>', id="anchor"),
        pytest.param("<content ID='1 é'>a</content>", '<span id="a-1--">a</span>', id="illegal-anchor"),
        pytest.param(
            "<linkHtml href='https://a.example/b'>a</linkHtml>",
            '<a href="https://a.example/b">a</a>',
            id="link",
        ),
        pytest.param("<linkHtml href='#1'>a</linkHtml>", '<a href="#a-1">a</a>', id="link-to-an-anchor"),
        pytest.param(
            "<linkHtml href='files/a.pdf'>a</linkHtml>", '<a title="files/a.pdf">a</a>', id="link-beside"
        ),
        pytest.param("<linkHtml href='javascript:a()'>a</linkHtml>", "<a>a</a>", id="link-that-acts"),
        pytest.param("<linkHtml href='&#9;jAvascript:a()'>a</linkHtml>", "<a>a</a>", id="link-in-disguise"),
        pytest.param(
            "<renderMultiMedia referencedObject='m1'><caption>c</caption></renderMultiMedia>",
            '<span title="m1"><span>c</span></span>',
            id="media",
        ),
        pytest.param("a<script>b()</script>c<img src='http://x/'/>", "ac", id="script-and-image"),
        pytest.param("<content onclick='b()'>a</content>", "<span>a</span>", id="event-handler"),
        pytest.param(
            "<unknown>a<paragraph>b</paragraph></unknown>", "<span>a<p>b</p></span>", id="unknown-element"
        ),
    ],
)
def test_markup_becomes_xhtml(cda: str, xhtml: str) -> None:
    assert body(cda) == xhtml


@pytest.mark.parametrize("inner", ["", " \n ", "<table><tbody><tr><td/></tr></tbody></table>", "<br/>"])
def test_no_words_are_no_narrative(inner: str) -> None:
    assert div(inner) is None


def test_ids_are_unique_in_the_document() -> None:
    cv = conversion_of("<text><content ID='a'>x</content></text><text><content ID='a'>y</content></text>")
    made = [narrative(cv, node) or "" for node in cv.source.root]
    assert 'id="a"' in made[0]
    assert 'id="a.2"' in made[1]


@pytest.mark.parametrize(
    "inner",
    ["<content onload='x'>a</content>", "<script>x</script>a", "<linkHtml href='data:x'>a</linkHtml>"],
)
def test_what_is_left_out_is_reported(inner: str) -> None:
    cv, node = first(f"<text>{inner}</text>")
    narrative(cv, node)
    assert [issue.severity for issue in cv.issues] == ["warning"]


def test_attributes_that_are_not_carried_stay_unused() -> None:
    cv, node = first(
        "<text><content styleCode='Bold xHidden' ID='a'>a</content><td align='left'>b</td></text>"
    )
    narrative(cv, node)
    assert unused(cv) == {"text/content@styleCode"}


NAMES = st.sampled_from(
    ["content", "paragraph", "list", "item", "table", "tr", "td", "caption", "script", "x"]
)
MARKUP = st.recursive(
    st.sampled_from(["a", " b ", "&lt;script&gt;", "é", "&#160;", "<br/>", ""]),
    lambda inner: st.builds(
        lambda name, key, parts: f"<{name}{key}>{''.join(parts)}</{name}>",
        NAMES,
        st.sampled_from(
            ["", " ID='a'", " styleCode='Bold'", " onclick='x'", " colspan='&quot;>'", " href='x:y'"]
        ),
        st.lists(inner, max_size=3),
    ),
    max_leaves=15,
)


@settings(deadline=None)
@given(MARKUP)
def test_all_words_stay_and_nothing_acts(inner: str) -> None:
    cv, node = first(f"<text>{inner}</text>")
    made = narrative(cv, node)
    for script in list(node.iter(tag_of("script"))):
        tail = script.tail
        script.clear()
        script.tail = tail
    if made is None:
        assert not letters(node)
    else:
        assert narrative_fault(made) is None
        assert letters(etree.fromstring(made)) == letters(node)


@pytest.mark.corpus
def test_all_words_of_the_corpus_stay(corpus: Path) -> None:
    seen = 0
    for file in sorted((corpus / "french" / "cda").rglob("*.xml")):
        cv = Conversion(read(file.read_bytes()), UUID(int=1), ZONE, BASE)
        for section in cv.source.root.iter(tag_of("section")):
            node = child(section, "text")
            made = narrative(cv, node)
            if node is not None and made is not None:
                assert narrative_fault(made) is None
                assert letters(etree.fromstring(made)) == letters(node), file.name
                seen += 1
    assert seen > 1000


STORY = (
    "<text><content ID='a'>un  <content>deux</content></content><tr ID='r'><td>x</td><td>y</td></tr></text>"
)


@pytest.mark.parametrize(
    ("reference", "words", "severity"),
    [
        pytest.param("#a", "un deux", None, id="anchor"),
        pytest.param("#r", "x y", None, id="cells-do-not-run-together"),
        pytest.param("a", "un deux", "information", id="without-its-mark"),
        pytest.param("#b", None, "warning", id="dangling"),
        pytest.param("#", None, "warning", id="empty"),
    ],
)
def test_a_reference_is_the_text_of_its_anchor(
    reference: str, words: str | None, severity: str | None
) -> None:
    cv, _ = first(STORY)
    assert resolve(cv, reference) == words
    assert resolve(cv, reference) == words
    assert [issue.severity for issue in cv.issues] == ([] if severity is None else [severity])


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        pytest.param("<originalText> a  b </originalText>", "a b", id="inline"),
        pytest.param("<originalText><reference value='#a'/></originalText>", "un deux", id="by-reference"),
        pytest.param("<originalText>c<reference value='#a'/></originalText>", "c", id="inline-wins"),
        pytest.param("<originalText><reference value='#z'/></originalText>", None, id="dangling"),
        pytest.param("<originalText/>", None, id="nothing"),
    ],
)
def test_what_is_said_is_inline_or_referred_to(inner: str, words: str | None) -> None:
    cv = conversion_of(inner + STORY)
    assert said(cv, child(cv.source.root, "originalText")) == words
    if words is None and "z" in inner:
        assert "originalText/reference@value" in unused(cv)


def test_words_within_a_word_stay_together() -> None:
    _, node = first("<text>H<sub>2</sub>O</text>")
    assert text_of(node) == "H2O"
