"""Numbers: every literal and unit as written, a code only for what is UCUM."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.model.number import literal
from importers.cda.datatypes import boolean, integer, ivl_pq, quantity, range_, ratio, value
from importers.cda.datatypes.numbers import decimal_text
from tests.importers.cda.documents import first, unused


def shown(found: Any) -> Any:
    """Return a tree with its numbers as their literals."""
    if isinstance(found, dict):
        return {key: shown(each) for key, each in found.items()}
    if isinstance(found, list | tuple):
        return [shown(each) for each in found]
    return found if isinstance(found, str | bool) or found is None else f"n{literal(found)}"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param("1.50", "1.50", id="trailing-zero"),
        pytest.param("0.00000010", "0.00000010", id="small"),
        pytest.param("1e3", "1e3", id="exponent"),
        pytest.param("-0", "-0", id="minus-zero"),
        pytest.param("+5", "5", id="plus"),
        pytest.param(".5", "0.5", id="no-whole-part"),
        pytest.param("5.", "5", id="no-fraction"),
        pytest.param("007", "7", id="leading-zeros"),
        pytest.param("1,5", "1.5", id="comma"),
        pytest.param(
            "12345678901234567890.12345678901234567890",
            "12345678901234567890.12345678901234567890",
            id="long",
        ),
        pytest.param("", None, id="nothing"),
        pytest.param(".", None, id="point"),
        pytest.param("<5", None, id="comparator"),
        pytest.param("1 000", None, id="blank"),
        pytest.param("٣", None, id="other-digits"),
        pytest.param("INF", None, id="infinity"),
        pytest.param("1" * 65, None, id="endless"),
    ],
)
def test_a_number_keeps_its_digits(written: str, read: str | None) -> None:
    assert decimal_text(written) == read


@settings(deadline=None)
@given(st.text(alphabet="0123456789+-.,eE", max_size=12))
def test_a_number_means_what_it_meant(text: str) -> None:
    found = decimal_text(text)
    try:
        expected = Decimal(text.replace(",", "."))
    except ArithmeticError:
        expected = None
    if found is None:
        assert expected is None or re.search("[eE][+-]?[0-9]{4}", text)
    else:
        assert Decimal(found) == expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param('<v value="1.50" unit="g/L"/>', {"value": "n1.50", "unit": "g/L", "system": "http://unitsofmeasure.org", "code": "g/L"}, id="ucum"),
        pytest.param('<v value="2" unit="mUI/L"/>', {"value": "n2", "unit": "mUI/L", "system": "http://unitsofmeasure.org", "code": "m[IU]/L"}, id="unit-text-stays"),
        pytest.param('<v value="2" unit="sachets"/>', {"value": "n2", "unit": "sachets"}, id="not-ucum"),
        pytest.param('<v value="2.0" unit="30009000"/>', {"value": "n2.0", "unit": "30009000", "system": "http://standardterms.edqm.eu", "code": "30009000"}, id="standard-term"),
        pytest.param('<v value="2"/>', {"value": "n2"}, id="no-unit"),
        pytest.param("<v/>", None, id="nothing"),
        pytest.param('<v nullFlavor="MSK"/>', {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}, id="masked"),
        pytest.param(
            '<v value="1" unit="mg"><translation value="2" code="415818006" codeSystem="2.16.840.1.113883.6.96" displayName="sprays"/></v>',
            {
                "value": "n1", "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg",
                "extension": [{
                    "url": "http://hl7.org/fhir/StructureDefinition/iso21090-PQ-translation",
                    "valueQuantity": {"value": "n2", "unit": "sprays", "system": "http://snomed.info/sct", "code": "415818006"},
                }],
            },
            id="translation",
        ),
    ],
)  # fmt: skip
def test_a_quantity_is_as_written(node: str, expected: object) -> None:
    cv, found = first(node)
    assert shown(quantity(cv, found)) == expected
    assert not unused(cv)


MG = {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        pytest.param('<low value="1" unit="mg"/><high value="2.0" unit="mg"/>', ["Range", {"low": {"value": "n1", **MG}, "high": {"value": "n2.0", **MG}}], id="closed"),
        pytest.param('<low value="1" unit="mg"/>', ["Quantity", {"value": "n1", **MG, "comparator": ">="}], id="at-least"),
        pytest.param('<low value="1" unit="mg" inclusive="false"/>', ["Quantity", {"value": "n1", **MG, "comparator": ">"}], id="more-than"),
        pytest.param('<high value="1" unit="mg"/>', ["Quantity", {"value": "n1", **MG, "comparator": "<="}], id="at-most"),
        pytest.param('<low nullFlavor="NA"/><high value="1" unit="mg" inclusive="false"/>', ["Quantity", {"value": "n1", **MG, "comparator": "<"}], id="less-than"),
        pytest.param('<low value="1" unit="mg"/><high nullFlavor="PINF"/>', ["Quantity", {"value": "n1", **MG, "comparator": ">="}], id="to-infinity"),
        pytest.param('<center value="1" unit="mg"/>', ["Quantity", {"value": "n1", **MG}], id="center"),
        pytest.param("", None, id="nothing"),
    ],
)  # fmt: skip
def test_an_interval_is_a_range_or_a_bound(inner: str, expected: object) -> None:
    cv, node = first(f"<value>{inner}</value>")
    assert shown(ivl_pq(cv, node)) == expected
    assert not unused(cv)


def test_an_unknown_end_of_a_range_stays_unknown() -> None:
    cv, node = first('<value><low value="1"/><high nullFlavor="MSK"/></value>')
    found = ivl_pq(cv, node)
    assert found is not None
    assert found[0] == "Range"
    assert found[1]["high"]["extension"][0]["valueCode"] == "masked"


def test_one_value_is_a_range_of_itself_and_an_exclusive_bound_is_reported() -> None:
    cv, node = first('<value value="3" unit="mg"/>')
    assert shown(range_(cv, node)) == {"low": {"value": "n3", **MG}, "high": {"value": "n3", **MG}}
    cv, node = first('<value><low value="1"/><high value="2" inclusive="false"/></value>')
    assert shown(range_(cv, node)) == {"low": {"value": "n1"}, "high": {"value": "n2"}}
    assert len(cv.issues) == 1


def test_a_ratio_has_two_quantities() -> None:
    cv, node = first('<v><numerator value="1" unit="mg"/><denominator value="1" unit="d"/></v>')
    found = ratio(cv, node)
    assert found is not None
    assert found["denominator"]["code"] == "d"


@pytest.mark.parametrize(
    ("convert", "written", "read"),
    [
        pytest.param(integer, "12", 12, id="integer"),
        pytest.param(integer, "-3", -3, id="negative"),
        pytest.param(integer, "1.0", None, id="no-integer"),
        pytest.param(integer, "99999999999", None, id="too-large"),
        pytest.param(boolean, "true", True, id="true"),
        pytest.param(boolean, "false", False, id="false"),
        pytest.param(boolean, "oui", None, id="no-boolean"),
    ],
)
def test_plain_values(convert: Any, written: str, read: object) -> None:
    cv, node = first(f'<value value="{written}"/>')
    assert convert(cv, node) is read or convert(cv, node) == read
    assert bool(cv.issues) == (read is None)


V = '<value xsi:type="{}" {}</value>'


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param(V.format("PQ", 'value="1.0" unit="mg">'), ["Quantity", {"value": "n1.0", **MG}], id="PQ"),
        pytest.param(V.format("v3:PQ", 'value="1.0" unit="mg">'), ["Quantity", {"value": "n1.0", **MG}], id="prefix-of-cda"),
        pytest.param(V.format("pharm:PQ", 'value="1.0" unit="mg">'), ["Quantity", {"value": "n1.0", **MG}], id="prefix-of-an-extension"),
        pytest.param(V.format("PQ", 'value="&lt; 5" unit="mg">'), ["String", "< 5 mg"], id="PQ-that-is-no-number"),
        pytest.param(V.format("INT", 'value="3">'), ["Integer", "n3"], id="INT"),
        pytest.param(V.format("REAL", 'value="3.10">'), ["Quantity", {"value": "n3.10"}], id="REAL"),
        pytest.param(V.format("BL", 'value="false">'), ["Boolean", False], id="BL"),
        pytest.param(V.format("ST", "> a  b "), ["String", "a b"], id="ST"),
        pytest.param(V.format("TS", 'value="1975">'), ["DateTime", "1975"], id="TS"),
        pytest.param(V.format("CD", 'code="a">'), ["CodeableConcept", {"coding": [{"code": "a"}]}], id="CD"),
        pytest.param(V.format("CO", 'code="a">'), ["CodeableConcept", {"coding": [{"code": "a"}]}], id="CO"),
        pytest.param(V.format("IVL_PQ", '><high value="2"/>'), ["Quantity", {"value": "n2", "comparator": "<="}], id="IVL_PQ"),
        pytest.param(V.format("IVL_INT", '><low value="2"/><high value="3"/>'), ["Range", {"low": {"value": "n2"}, "high": {"value": "n3"}}], id="IVL_INT"),
        pytest.param(V.format("IVL_TS", '><low value="2020"/>'), ["Period", {"start": "2020"}], id="IVL_TS"),
        pytest.param(V.format("ED", "> words "), ["String", "words"], id="ED-of-words"),
        pytest.param(V.format("RTO_PQ_PQ", '><numerator value="1"/><denominator value="2"/>'), ["Ratio", {"numerator": {"value": "n1"}, "denominator": {"value": "n2"}}], id="RTO"),
        pytest.param(V.format("EIVL_TS", '><event code="ACM"/>'), ["CodeableConcept", {"coding": [{"code": "ACM"}]}], id="EIVL_TS"),
        pytest.param(V.format("PN", "><given>A</given> <family>B</family>"), ["String", "A B"], id="PN"),
        pytest.param(V.format("CD", 'nullFlavor="UNK">'), None, id="only-unknown"),
        pytest.param('<value value="2" unit="mg"/>', ["Quantity", {"value": "n2", **MG}], id="no-type-but-a-unit"),
        pytest.param('<value code="a"/>', ["CodeableConcept", {"coding": [{"code": "a"}]}], id="no-type-but-a-code"),
        pytest.param(V.format("FOO", 'code="a">'), ["CodeableConcept", {"coding": [{"code": "a"}]}], id="unknown-type"),
        pytest.param("<value/>", None, id="nothing"),
    ],
)  # fmt: skip
def test_a_value_has_its_choice(node: str, expected: object) -> None:
    cv, found = first(node)
    assert shown(value(cv, found)) == expected
    assert not unused(cv) - {"value@nullFlavor", "value@type"}


def test_a_type_with_a_prefix_that_is_not_declared_is_believed_and_reported() -> None:
    cv, node = first('<value xsi:type="zz:BL" value="true"/>')
    assert value(cv, node) == ("Boolean", True)
    assert [issue.severity for issue in cv.issues] == ["warning"]


def test_a_unit_of_another_system_is_no_unit_of_ucum_and_needs_no_report() -> None:
    cv, node = first('<v value="1" unit="30009000"/>')
    quantity(cv, node)
    assert not cv.issues


def test_a_unit_that_is_not_ucum_is_reported_once() -> None:
    cv, node = first('<v value="1" unit="foo"/>')
    quantity(cv, node)
    quantity(cv, node)
    assert [issue.kind for issue in cv.issues] == ["unit"]
