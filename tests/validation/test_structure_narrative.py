"""Narratives: well-formed XHTML in one `div`, without anything that acts."""

from __future__ import annotations

import pytest

from fhir_server.validation.narrative import is_narrative, narrative_fault

XMLNS = 'xmlns="http://www.w3.org/1999/xhtml"'


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("text", id="text"),
        pytest.param("", id="empty"),
        pytest.param("a &lt; b &amp; c &#233; &#xe9;", id="numeric-and-predefined-entities"),
        pytest.param('<table><tr><td colspan="2">x</td></tr></table>', id="table"),
        pytest.param('<a href="https://example.org">x</a><a name="x"/>', id="links"),
        pytest.param('<img src="data:image/png;base64,AAAA" alt="x"/>', id="image-inline"),
        pytest.param("<!-- note --><![CDATA[x < y]]>", id="comment-and-cdata"),
        pytest.param('<a href="database.html">x</a>', id="relative-link"),
        pytest.param('<p style="color: red" class="x" xml:lang="fr">x</p>', id="attributes"),
        pytest.param("<p>" * 500 + "</p>" * 500, id="deep"),
    ],
)
def test_harmless_narrative_is_accepted(content: str) -> None:
    assert narrative_fault(f"<div {XMLNS}>{content}</div>") is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("text", id="no-xml"),
        pytest.param("<div>x</div>", id="no-namespace"),
        pytest.param(f"<p {XMLNS}>x</p>", id="another-root"),
        pytest.param(f"<div {XMLNS}>x</div><div {XMLNS}/>", id="two-roots"),
        pytest.param(f"<div {XMLNS}><p>x</div>", id="not-well-formed"),
        pytest.param(f"<div {XMLNS}>a&nbsp;b</div>", id="entity-of-html"),
        pytest.param(f"<div {XMLNS}>a & b</div>", id="bare-ampersand"),
        pytest.param(f"<!DOCTYPE div><div {XMLNS}>x</div>", id="doctype"),
        pytest.param(f'<?xml version="1.0"?><div {XMLNS}>x</div>', id="declaration"),
        pytest.param(f"<div {XMLNS}><?php x ?></div>", id="instruction"),
        pytest.param(f"<div {XMLNS}><script>x</script></div>", id="script"),
        pytest.param(f"<div {XMLNS}><SCRIPT>x</SCRIPT></div>", id="element-in-capitals"),
        pytest.param(f"<div {XMLNS}><form/></div>", id="form"),
        pytest.param(f'<div {XMLNS}><iframe src="x"/></div>', id="frame"),
        pytest.param(f'<div {XMLNS}><svg xmlns="http://www.w3.org/2000/svg"/></div>', id="other-namespace"),
        pytest.param(f'<div {XMLNS} onclick="x">x</div>', id="event"),
        pytest.param(f'<div {XMLNS}><p ONLOAD="x"/></div>', id="event-in-capitals"),
        pytest.param(f'<div {XMLNS}><a href="javascript:x">x</a></div>', id="script-link"),
        pytest.param(f'<div {XMLNS}><a href=" java&#10;script:x">x</a></div>', id="script-link-with-blanks"),
        pytest.param(f'<div {XMLNS}><a href="data:text/html,x">x</a></div>', id="data-link"),
        pytest.param(f"<div {XMLNS}>\x01</div>", id="control-character"),
        pytest.param(f"<div {XMLNS}>\ud800</div>", id="half-a-surrogate-pair"),
    ],
)
def test_harmful_or_broken_narrative_is_refused(text: str) -> None:
    assert narrative_fault(text)
    assert not is_narrative(text)


def test_a_billion_laughs_are_refused_before_they_expand() -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    text = f'<!DOCTYPE div [<!ENTITY e0 "ha">{entities}]><div {XMLNS}>&e11;</div>'
    assert narrative_fault(text) == "a document type declaration is not allowed"


def test_the_fault_never_quotes_the_content() -> None:
    for broken in ("<secret>", "&secret;", '<p secret="x" secret="y"/>', "<secret/>", '<p onsecret="x"/>'):
        fault = narrative_fault(f"<div {XMLNS}>{broken}</div>")
        assert fault is not None
        assert "secret" not in fault
