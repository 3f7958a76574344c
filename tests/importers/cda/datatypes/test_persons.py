"""Names, addresses, telecoms."""

from __future__ import annotations

import pytest

from importers.cda.datatypes import address, contact_point, human_names, plain_name
from tests.importers.cda.documents import first, unused

QUALIFIER = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier"
BIRTH_NAMES = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient-birth-list-given-name"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        pytest.param(
            '<family qualifier="BR">N</family><given>A B</given><given qualifier="BR">A</given><family qualifier="CL">U</family><given qualifier="CL">B</given>',
            [
                {"use": "official", "family": "N", "given": ["A"], "extension": [{"url": BIRTH_NAMES, "valueString": "A B"}]},
                {"use": "usual", "family": "U", "given": ["B"]},
            ],
            id="at-birth-and-in-use",
        ),
        pytest.param(
            '<given>A</given><family qualifier="BR">N</family><family qualifier="SP">U</family>',
            [{"use": "official", "family": "N", "given": ["A"]}, {"use": "usual", "family": "U", "given": ["A"]}],
            id="one-first-name-for-both",
        ),
        pytest.param(
            '<given>A</given><family>N</family><family qualifier="SP">U</family>',
            [{"use": "official", "family": "N", "given": ["A"]}, {"use": "usual", "family": "U", "given": ["A"]}],
            id="a-family-without-qualifier-is-the-one-at-birth",
        ),
        pytest.param(
            '<family qualifier="SP">U</family><given>A</given>',
            [{"use": "usual", "family": "U", "given": ["A"]}],
            id="name-in-use-only",
        ),
        pytest.param(
            "<prefix>DR</prefix><given>A</given><given>B</given><family>N</family>",
            [{"prefix": ["DR"], "given": ["A", "B"], "family": "N"}],
            id="plain",
        ),
        pytest.param(
            '<family>N</family><suffix>II</suffix><suffix qualifier="AC">PhD</suffix>',
            [{"family": "N", "suffix": ["II", "PhD"], "_suffix": [None, {"extension": [{"url": QUALIFIER, "valueCode": "AC"}]}]}],
            id="qualifier-of-a-title",
        ),
        pytest.param("<family>A</family><family>B</family>", [{"family": "A B"}], id="two-families"),
        pytest.param(" A  B ", [{"text": "A B"}], id="text"),
        pytest.param("<family/>", [], id="nothing"),
    ],
)  # fmt: skip
def test_a_name_is_one_or_two_names(inner: str, expected: object) -> None:
    cv, node = first(f"<name>{inner}</name>")
    assert human_names(cv, node) == expected
    assert not unused(cv)


def test_a_use_is_that_of_one_name() -> None:
    cv, node = first('<name use="P"><given>A</given><validTime><low value="2020"/></validTime></name>')
    assert human_names(cv, node) == [{"use": "nickname", "given": ["A"], "period": {"start": "2020"}}]
    assert not unused(cv)


@pytest.mark.parametrize(
    ("flavor", "expected"),
    [
        pytest.param("MSK", [{"extension": [{"url": ABSENT, "valueCode": "masked"}]}], id="masked-is-kept"),
        pytest.param("NASK", [], id="not-asked-is-left-with-its-reason"),
    ],
)
def test_a_name_that_is_absent(flavor: str, expected: object) -> None:
    cv, node = first(f'<name nullFlavor="{flavor}"/>')
    assert human_names(cv, node) == expected
    assert not unused(cv)


HIDDEN = {"_family": {"extension": [{"url": ABSENT, "valueCode": "masked"}]}}


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        pytest.param('<family nullFlavor="MSK"/>', [HIDDEN], id="alone"),
        pytest.param(
            '<given>A</given><family nullFlavor="MSK"/>', [{"given": ["A"], **HIDDEN}], id="beside-given"
        ),
        pytest.param('<family nullFlavor="UNK"/>', [], id="not-hidden"),
    ],
)
def test_a_family_name_that_is_masked_is_not_left_out(inner: str, expected: object) -> None:
    cv, node = first(f"<name>{inner}</name>")
    assert human_names(cv, node) == expected


def test_a_name_of_an_organisation_is_one_line() -> None:
    cv, node = first("<name>CHU <prefix>de</prefix> X</name>")
    assert plain_name(cv, node) == "CHU de X"
    assert not unused(cv)


PART = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-"


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param(
            '<addr use="HP PST"><streetAddressLine>1 rue A</streetAddressLine><streetAddressLine>B</streetAddressLine><postalCode>75001</postalCode><city>P</city><country>FRA</country></addr>',
            {"use": "home", "type": "postal", "line": ["1 rue A", "B"], "postalCode": "75001", "city": "P", "country": "FRA"},
            id="lines",
        ),
        pytest.param(
            "<addr><houseNumber>1</houseNumber><streetNameType>RUE</streetNameType><streetName>A</streetName><unitID>4</unitID><county>C</county></addr>",
            {
                "line": ["1 RUE A", "4"],
                "_line": [
                    {"extension": [{"url": f"{PART}houseNumber", "valueString": "1"}, {"url": f"{PART}streetNameType", "valueString": "RUE"}, {"url": f"{PART}streetName", "valueString": "A"}]},
                    {"extension": [{"url": f"{PART}unitID", "valueString": "4"}]},
                ],
                "district": "C",
            },
            id="parts-of-a-street",
        ),
        pytest.param("<addr> 1 rue  A </addr>", {"text": "1 rue A"}, id="text"),
        pytest.param('<addr nullFlavor="NAV"/>', None, id="absent"),
        pytest.param("<addr><city/></addr>", None, id="nothing"),
    ],
)  # fmt: skip
def test_an_address_keeps_its_lines(node: str, expected: object) -> None:
    cv, found = first(node)
    assert address(cv, found) == expected
    assert not unused(cv)


@pytest.mark.parametrize(
    ("node", "expected", "left"),
    [
        pytest.param('<telecom value="tel:+33-142515151" use="WP"/>', {"system": "phone", "value": "+33-142515151", "use": "work"}, set(), id="phone"),
        pytest.param('<telecom value="mailto:a@b.example"/>', {"system": "email", "value": "a@b.example"}, set(), id="mail"),
        pytest.param('<telecom value="mailto:a@Patient.MSSante.fr"/>', {"extension": [{"url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type", "valueCoding": {"system": "https://mos.esante.gouv.fr/NOS/TRE_R256-TypeMessagerie/FHIR/TRE-R256-TypeMessagerie", "code": "MSSANTE"}}], "system": "email", "value": "a@Patient.MSSante.fr"}, set(), id="secure-mailbox"),
        pytest.param('<telecom value="mailto:a@notmssante.fr"/>', {"system": "email", "value": "a@notmssante.fr"}, set(), id="mail-of-another-domain"),
        pytest.param('<telecom value="tel:a@mssante.fr"/>', {"system": "phone", "value": "a@mssante.fr"}, set(), id="no-mailbox-at-all"),
        pytest.param('<telecom value="https://a.example/"/>', {"system": "url", "value": "https://a.example/"}, set(), id="url"),
        pytest.param('<telecom value="0142515151" use="MC"/>', {"system": "phone", "value": "0142515151", "use": "mobile"}, set(), id="digits"),
        pytest.param('<telecom value="a@b.example"/>', {"system": "email", "value": "a@b.example"}, set(), id="mail-without-scheme"),
        pytest.param('<telecom value="mllp:x" use="EC"/>', {"system": "other", "value": "x"}, {"telecom@use"}, id="use-without-counterpart-stays-unused"),
        pytest.param('<telecom value="foo:x"/>', {"system": "other", "value": "foo:x"}, set(), id="unknown-scheme"),
        pytest.param('<telecom value="tel:"/>', None, set(), id="scheme-only"),
        pytest.param('<telecom nullFlavor="UNK"/>', None, set(), id="absent"),
    ],
)  # fmt: skip
def test_a_telecom_has_its_system(node: str, expected: object, left: set[str]) -> None:
    cv, found = first(node)
    assert contact_point(cv, found) == expected
    assert unused(cv) == left
