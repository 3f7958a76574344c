"""Functions beyond what the public suite asks of them."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.fhirpath import FhirPathError, compile
from fhir_server.fhirpath.functions.conversion import text_of
from fhir_server.fhirpath.node import system
from profiles.type_model import RegistryTypeModel

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "active": True,
    "name": [
        {"use": "official", "family": "Lovelace", "given": ["Ada", "Augusta"]},
        {"use": "nickname", "given": ["Ada", None], "_given": [None, {"extension": [{"url": "http://x"}]}]},
    ],
    "birthDate": "1815-12-10",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Ada</p></div>'},
}


def results(expression: str, types: RegistryTypeModel) -> list[str | None]:
    """Return the results as texts."""
    return [text_of(system(item)) for item in compile(expression, types=types).items(PATIENT)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # existence
        pytest.param("(true | false).allTrue()", "false", id="allTrue"),
        pytest.param("(true | false).anyTrue()", "true", id="anyTrue"),
        pytest.param("(true | false).allFalse()", "false", id="allFalse"),
        pytest.param("(true | false).anyFalse()", "true", id="anyFalse"),
        pytest.param("{}.allTrue()", "true", id="allTrue-of-nothing"),
        pytest.param("{}.anyTrue()", "false", id="anyTrue-of-nothing"),
        pytest.param("{}.all(false)", "true", id="all-of-nothing"),
        pytest.param("(1 | 2).subsetOf(1 | 2 | 3)", "true", id="subsetOf"),
        pytest.param("{}.subsetOf({})", "true", id="subsetOf-nothing"),
        pytest.param("name.given.isDistinct()", "false", id="isDistinct"),
        # filtering
        pytest.param("name.where(use = 'official').given.first()", "Ada", id="where"),
        pytest.param("name.given.where($index = 1)", "Augusta", id="where-with-index"),
        pytest.param(
            "(1 | 2 | 3).aggregate(iif($total.empty(), $this, $this * $total))", "6", id="aggregate"
        ),
        pytest.param("(3).repeat(iif($this > 0, $this - 1, {})).count()", "3", id="repeat-ends"),
        pytest.param("(1 | 3 | 2).sort(-$this).first()", "3", id="sort-downwards"),
        pytest.param("name.sort(family).use.first()", "nickname", id="sort-puts-empty-first"),
        # subsetting
        pytest.param("(1 | 2 | 3).skip(-1).count()", "3", id="skip-negative"),
        pytest.param("(1 | 2 | 3).take(-1).count()", "0", id="take-negative"),
        pytest.param("(1 | 2)[5].empty()", "true", id="index-past-the-end"),
        pytest.param("name.given.intersect('Ada' | 'B').count()", "1", id="intersect-is-distinct"),
        pytest.param("(1 | 2).exclude(2.0)", "1", id="exclude-by-value"),
        # conversion
        pytest.param("'Y'.toBoolean()", "true", id="toBoolean"),
        pytest.param("2.toBoolean().empty()", "true", id="toBoolean-of-2"),
        pytest.param("'+12'.toInteger()", "12", id="toInteger-with-sign"),
        pytest.param("'12a'.toInteger().empty()", "true", id="toInteger-of-text"),
        pytest.param("'1e5'.convertsToDecimal()", "false", id="decimal-has-no-exponent"),
        pytest.param("@2024-05-01T10:00Z.toDate()", "2024-05-01", id="toDate"),
        pytest.param("'2024-05-01T10:00'.toDateTime()", "2024-05-01T10:00", id="toDateTime"),
        pytest.param("'10:30:05.5'.toTime()", "10:30:05.5", id="toTime"),
        pytest.param("'1 \\'kg\\''.toQuantity('g')", "1000 'g'", id="toQuantity-in-another-unit"),
        pytest.param("1.toQuantity('mg').empty()", "true", id="toQuantity-incomparable"),
        pytest.param("36 hours.toQuantity('days')", "1.5 days", id="toQuantity-calendar"),
        pytest.param("name.convertsToString()", None, id="conversion-of-several"),
        pytest.param("iif(false, 1).empty()", "true", id="iif-without-otherwise"),
        # strings
        pytest.param("'abcb'.lastIndexOf('b')", "3", id="lastIndexOf"),
        pytest.param("'abc'.substring(1, 0) = ''", "true", id="substring-of-no-length"),
        pytest.param("'abc'.substring(3).empty()", "true", id="substring-past-the-end"),
        pytest.param("'a.b'.replace('.', '-')", "a-b", id="replace"),
        pytest.param("'a-b'.replaceMatches('(\\\\w)-(\\\\w)', '$2-$1')", "b-a", id="replaceMatches-groups"),
        pytest.param("'<a>'.escape('html')", "&lt;a&gt;", id="escape-html"),
        pytest.param("'a\\nb'.escape('json') = 'a\\\\nb'", "true", id="escape-json"),
        pytest.param("'&lt;'.unescape('html')", "<", id="unescape-html"),
        pytest.param("'zz'.decode('hex').empty()", "true", id="decode-what-is-not-encoded"),
        pytest.param("'a'.encode('rot13').empty()", "true", id="encode-unknown"),
        pytest.param("name.given.join('/')", "Ada/Augusta/Ada", id="join-leaves-out-what-has-no-value"),
        pytest.param("birthDate.substring(0, 4)", "1815", id="text-of-a-date-element"),
        # math
        pytest.param("1.55.round(1)", "1.6", id="round-half-up"),
        pytest.param("(-1.9).truncate()", "-1", id="truncate"),
        pytest.param("16.log(2)", "4.0000000000000000000000000000", id="log"),
        pytest.param("(-1).sqrt().empty()", "true", id="sqrt-of-a-negative"),
        pytest.param("0.ln().empty()", "true", id="ln-of-zero"),
        pytest.param("10.power(500).empty()", "true", id="power-too-large"),
        pytest.param("2.power(-1)", "0.5", id="power-negative"),
        pytest.param("7 div 0", None, id="div-by-zero-is-empty"),
        pytest.param("-7 mod 3", "-1", id="mod-has-the-sign-of-the-dividend"),
        pytest.param("-7 div 2", "-3", id="div-cuts"),
        # FHIR
        pytest.param("name[1].given.select(hasValue()).first()", "true", id="hasValue"),
        pytest.param("name[1].given[1].hasValue()", "false", id="hasValue-extension-only"),
        pytest.param(
            "name[1].given[1].extension('http://x').exists()", "true", id="extension-of-a-primitive"
        ),
        pytest.param("active.getValue()", "true", id="getValue"),
        pytest.param("text.`div`.htmlChecks()", "true", id="htmlChecks"),
        pytest.param(
            "Patient.conformsTo('http://hl7.org/fhir/StructureDefinition/Resource')", "true", id="base"
        ),
        pytest.param(
            "Patient.conformsTo('http://example.org/unknown').empty()", "true", id="profile-unknown"
        ),
        pytest.param("name.first().type().name", "HumanName", id="type"),
        pytest.param("1.50.precision()", "2", id="precision"),
        pytest.param("@2024-02.highBoundary()", "2024-02-29", id="highBoundary-of-a-month"),
        pytest.param("@2024.lowBoundary().precision()", "8", id="lowBoundary-of-a-year"),
    ],
)
def test_function_gives(expression: str, expected: str | None, types: RegistryTypeModel) -> None:
    if expected is None and "div" not in expression:
        with pytest.raises(FhirPathError):
            results(expression, types)
    else:
        assert results(expression, types) == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("(1 | 2).single()", id="single-of-two"),
        pytest.param("1 + true", id="number-and-boolean"),
        pytest.param("'a' < 1", id="order-of-text-and-number"),
        pytest.param("name.given.length()", id="function-on-several"),
        pytest.param("1.length()", id="string-function-on-a-number"),
        pytest.param("('a' | 'b') and true", id="truth-of-two"),
        pytest.param("$total", id="total-outside-of-aggregate"),
        pytest.param("%nowhere", id="unknown-variable"),
        pytest.param("now()", id="time-without-a-clock"),
        pytest.param("(1 | 2).allTrue()", id="allTrue-of-numbers"),
        pytest.param("1.5.round(99)", id="round-to-99-places"),
        pytest.param("'a'.lowBoundary()", id="boundary-of-a-text"),
        pytest.param("Patient.checkModifiers('http://a').name.first().take('x')", id="take-of-text"),
    ],
)
def test_misuse_is_an_error(expression: str, types: RegistryTypeModel) -> None:
    with pytest.raises(FhirPathError):
        results(expression, types)


def test_messages_hold_no_values(types: RegistryTypeModel) -> None:
    with pytest.raises(FhirPathError) as caught:
        results("name.family + 1", types)
    assert "Lovelace" not in str(caught.value)


def test_modifier_extensions_have_to_be_expected() -> None:
    resource = {"resourceType": "Basic", "modifierExtension": [{"url": "http://a"}]}
    assert compile("Basic.checkModifiers('http://a').exists()").evaluate(resource) == [True]
    with pytest.raises(FhirPathError, match="modifier extension"):
        compile("Basic.checkModifiers('http://b')").evaluate(resource)


@pytest.mark.parametrize(
    ("div", "is_safe"),
    [
        pytest.param('<div xmlns="http://www.w3.org/1999/xhtml">x</div>', True, id="text"),
        pytest.param('<div xmlns="http://www.w3.org/1999/xhtml"><img src="#a"/></div>', True, id="image"),
        pytest.param('<h:div xmlns:h="http://www.w3.org/1999/xhtml">x</h:div>', True, id="prefix"),
        pytest.param('<div xmlns="http://www.w3.org/1999/xhtml"> \n </div>', False, id="blank"),
        pytest.param(
            '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>', False, id="script"
        ),
        pytest.param('<div xmlns="http://www.w3.org/1999/xhtml" onclick="x">x</div>', False, id="event"),
        pytest.param("<div>x</div>", False, id="namespace-missing"),
        pytest.param('<p xmlns="http://www.w3.org/1999/xhtml">x</p>', False, id="root-is-no-div"),
        pytest.param('<div xmlns="http://www.w3.org/1999/xhtml">x', False, id="not-well-formed"),
        pytest.param('<!DOCTYPE div><div xmlns="http://www.w3.org/1999/xhtml">x</div>', False, id="doctype"),
    ],
)
def test_narrative_is_checked(div: str, is_safe: bool, types: RegistryTypeModel) -> None:
    resource = {"resourceType": "Basic", "text": {"div": div}}
    assert compile("text.div.htmlChecks()", types=types).evaluate(resource) == [is_safe]
