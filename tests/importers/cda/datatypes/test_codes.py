"""Codes, identifiers and why something is absent."""

from __future__ import annotations

import pytest

from importers.cda.datatypes import (
    absent,
    absent_concept,
    code,
    codeable_concept,
    coding,
    identifier,
    identifiers,
)
from importers.cda.xml import children
from tests.importers.cda.documents import conversion_of, first, unused

LOINC = 'codeSystem="2.16.840.1.113883.6.1"'
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
FLAVOR = "http://hl7.org/fhir/StructureDefinition/iso21090-nullFlavor"
STORY = "<text><content ID='a'>les mots</content></text>"


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param(
            f'<code code="8480-6" {LOINC} codeSystemName="LOINC" codeSystemVersion="2.7" displayName=" PA  sys "/>',
            {"coding": [{"system": "http://loinc.org", "version": "2.7", "code": "8480-6", "display": "PA sys"}]},
            id="all-of-a-coding",
        ),
        pytest.param(
            f'<code code="1-8" {LOINC}><translation code="x" codeSystem="1.2.3"><translation code="y" codeSystem="1.2.4"/></translation></code>',
            {"coding": [{"system": "http://loinc.org", "code": "1-8"}, {"system": "urn:oid:1.2.3", "code": "x"}, {"system": "urn:oid:1.2.4", "code": "y"}]},
            id="translations-of-translations",
        ),
        pytest.param('<code displayName="x"/>', {"coding": [{"display": "x"}]}, id="display-only"),
        pytest.param('<code code="x"><originalText>a  b</originalText></code>', {"coding": [{"code": "x"}], "text": "a b"}, id="own-words"),
        pytest.param('<code code="x"><originalText><reference value="#a"/></originalText></code>', {"coding": [{"code": "x"}], "text": "les mots"}, id="words-of-the-narrative"),
        pytest.param(
            '<code nullFlavor="OTH"><translation code="x" codeSystem="1.2.3"/></code>',
            {"extension": [{"url": ABSENT, "valueCode": "unsupported"}, {"url": FLAVOR, "valueCode": "OTH"}], "coding": [{"system": "urn:oid:1.2.3", "code": "x"}]},
            id="only-a-translation",
        ),
        pytest.param('<code nullFlavor="MSK"/>', {"extension": [{"url": ABSENT, "valueCode": "masked"}]}, id="masked"),
        pytest.param("<code/>", None, id="nothing"),
    ],
)  # fmt: skip
def test_a_code_is_a_concept_with_all_its_codings(node: str, expected: object) -> None:
    cv, found = first(node + STORY)
    assert codeable_concept(cv, found) == expected
    assert {place for place in unused(cv) if place.startswith("code")} == set()


ICD = "http://hl7.org/fhir/sid/icd-10"
CIM = "https://smt.esante.gouv.fr/terminologie-cim-10"


@pytest.mark.parametrize(
    ("realm", "inner", "systems"),
    [
        pytest.param("FR", "", [ICD, CIM], id="of-the-realm"),
        pytest.param("FR", '<translation code="x" codeSystem="1.2.3"/>', [ICD, CIM, "urn:oid:1.2.3"], id="with-others"),
        pytest.param("PT", "", [ICD], id="of-another-realm"),
    ],
)  # fmt: skip
def test_a_code_stands_under_the_name_that_its_realm_has_for_the_system_too(
    realm: str, inner: str, systems: list[str]
) -> None:
    node = f'<code code="N10" codeSystem="2.16.840.1.113883.6.3" displayName="x">{inner}</code>'
    cv = conversion_of(f'<realmCode code="{realm}"/>{node}')
    concept = codeable_concept(cv, children(cv.source.root, "code")[0])
    assert concept is not None
    assert [each["system"] for each in concept["coding"]] == systems
    assert {(each["code"], each.get("display")) for each in concept["coding"]} - {("x", None)} == {
        ("N10", "x")
    }


@pytest.mark.parametrize(
    ("node", "system", "kept"),
    [
        pytest.param('<code code="GEN-168" codeSystem="2.16.840.1.113883.6.1"/>', "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis", set(), id="not-of-its-system"),
        pytest.param('<code code="x" codeSystem="1.3.5.1.4.1.19376.1.5.3.2"/>', "urn:oid:1.3.6.1.4.1.19376.1.5.3.2", set(), id="known-slip"),
        pytest.param('<code code="x" codeSystem="MTCODES"/>', None, {"code@codeSystem"}, id="no-oid-stays-unused"),
    ],
)  # fmt: skip
def test_a_system_that_is_not_right_is_reported(node: str, system: str | None, kept: set[str]) -> None:
    cv, found = first(node)
    made = coding(cv, found)
    assert made is not None
    assert made.get("system") == system
    assert [issue.kind for issue in cv.issues] == ["code"]
    assert unused(cv) == kept


def test_a_dangling_word_stays_unused_and_is_reported_once() -> None:
    node = '<code code="x"><originalText><reference value="#z"/></originalText></code>'
    cv = conversion_of(node + node)
    for each in cv.source.root:
        assert codeable_concept(cv, each) == {"coding": [{"code": "x"}]}
    assert [issue.kind for issue in cv.issues] == ["reference"]
    assert len(unused(cv)) == 2


def test_a_plain_code_is_taken() -> None:
    cv, node = first('<statusCode code=" completed "/>')
    assert code(cv, node) == "completed"
    assert not unused(cv)


URIS = "urn:ietf:rfc:3986"


@pytest.mark.parametrize(
    ("node", "expected", "issues"),
    [
        pytest.param('<id root="1.2.3" extension="a"/>', {"system": "urn:oid:1.2.3", "value": "a"}, 0, id="root-and-extension"),
        pytest.param('<id root="1.2.3"/>', {"system": URIS, "value": "urn:oid:1.2.3"}, 0, id="bare-oid"),
        pytest.param('<id root="41DAC707-0000-4000-8000-00000000000A"/>', {"system": URIS, "value": "urn:uuid:41dac707-0000-4000-8000-00000000000a"}, 0, id="bare-uuid-in-lower-case"),
        pytest.param('<id root="41DAC707-0000-4000-8000-00000000000A" extension="B"/>', {"system": "urn:uuid:41dac707-0000-4000-8000-00000000000a", "value": "B"}, 0, id="uuid-and-extension"),
        pytest.param('<id root="2.16.840.1.113883.4.6" extension="9"/>', {"system": "http://hl7.org/fhir/sid/us-npi", "value": "9"}, 0, id="known-namespace"),
        pytest.param('<id root="1.2.3" extension="a" assigningAuthorityName="X"/>', {"system": "urn:oid:1.2.3", "value": "a", "assigner": {"display": "X"}}, 0, id="assigner"),
        pytest.param('<id extension="a"/>', {"value": "a"}, 1, id="no-root"),
        pytest.param('<id root="doc-1"/>', {"value": "doc-1"}, 1, id="root-of-no-kind"),
        pytest.param('<id root="doc-1" extension="a"/>', {"value": "a"}, 1, id="root-of-no-kind-and-extension"),
        pytest.param('<id nullFlavor="UNK"/>', None, 0, id="unknown"),
        pytest.param('<id root="2.16.840.1.113883.4.1" nullFlavor="MSK"/>', {"system": "http://hl7.org/fhir/sid/us-ssn", "_value": {"extension": [{"url": ABSENT, "valueCode": "masked"}]}}, 0, id="masked"),
        pytest.param("<id/>", None, 0, id="nothing"),
    ],
)  # fmt: skip
def test_an_identifier_keeps_whose_it_is(node: str, expected: object, issues: int) -> None:
    cv, found = first(node)
    assert identifier(cv, found) == expected
    assert len(cv.issues) == issues
    assert unused(cv) == ({"id@root"} if 'root="doc-1" ext' in node else set())


def test_the_same_identifier_stands_once() -> None:
    cv, node = first('<x><id root="1.2"/><id root="1.2"/><id nullFlavor="NA"/><id root="1.3"/></x>')
    assert [each["value"] for each in identifiers(cv, node)] == ["urn:oid:1.2", "urn:oid:1.3"]


@pytest.mark.parametrize(
    ("flavor", "reason"),
    [("UNK", "unknown"), ("NASK", "not-asked"), ("NAV", "temp-unknown"), ("NA", "not-applicable"), ("MSK", "masked"), ("ASKU", "asked-unknown"), ("NI", "unknown"), ("OTH", "unsupported")],
)  # fmt: skip
def test_a_null_flavor_is_a_reason(flavor: str, reason: str) -> None:
    cv, node = first(f'<value nullFlavor="{flavor}"/>')
    found = absent(cv, node)
    assert found is not None
    assert found["extension"][0] == {"url": ABSENT, "valueCode": reason}
    concept = absent_concept(cv, node)
    assert concept is not None
    assert concept["coding"][0]["code"] == reason
    assert (FLAVOR in str(found)) == (flavor in ("NI", "OTH"))
    assert not unused(cv)


def test_a_null_flavor_that_does_not_exist_is_reported() -> None:
    cv, node = first('<value nullFlavor="20200327"/>')
    assert absent(cv, node) is None
    assert [issue.kind for issue in cv.issues] == ["null-flavor"]
    assert unused(cv) == {"value@nullFlavor"}
