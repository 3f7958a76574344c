"""The person of a document: identity only from the document, nothing claimed that it does not say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.importers.cda.whole import PERSON, converted, only

FRENCH = '<realmCode code="FR"/>'
NAMES = (
    '<name><family qualifier="BR">PAT-TROIS</family><given>DOMINIQUE MARIE-LOUISE</given>'
    '<given qualifier="BR">DOMINIQUE</given><family qualifier="CL">PAT</family>'
    '<given qualifier="CL">DOMI</given></name>'
)


def patient(**parts: str) -> dict[str, Any]:
    return only(converted(**parts), "Patient")


def extension(element: dict[str, Any], ending: str) -> dict[str, Any]:
    [found] = [each for each in element["extension"] if each["url"].endswith(ending)]
    result: dict[str, Any] = found
    return result


@pytest.mark.parametrize(
    ("root", "code", "use"),
    [
        pytest.param("1.2.250.1.213.1.4.8", "INS-NIR", "official", id="nir"),
        pytest.param("1.2.250.1.213.1.4.9", "INS-NIA", "temp", id="nia-is-temporary"),
        pytest.param("1.2.250.1.213.1.4.10", "INS-NIR-TEST", "official", id="nir-of-tests"),
        pytest.param("1.2.250.1.213.1.4.11", "INS-NIR-DEMO", "official", id="nir-of-demonstrations"),
        pytest.param("1.2.250.1.213.1.4.2", "INS-C", "secondary", id="computed"),
        pytest.param("2.999.4", "PI", "usual", id="any-other-is-the-facility's"),
    ],
)
@pytest.mark.parametrize(
    "value",
    [pytest.param("279035121518989", id="15"), pytest.param("2790351215189", id="13-digits-without-key")],
)
def test_an_identifier_has_the_type_and_use_of_its_realm(root: str, code: str, use: str, value: str) -> None:
    [known] = patient(before=FRENCH, identity=f'<id root="{root}" extension="{value}"/>')["identifier"]
    assert (known["system"], known["value"], known["use"]) == (f"urn:oid:{root}", value, use)
    assert known["type"]["coding"][0]["code"] == code


def test_an_identifier_of_no_known_realm_has_neither_type_nor_use() -> None:
    [known] = patient(identity='<id root="2.999.4" extension="7"/>')["identifier"]
    assert known.keys() == {"system", "value"}


@pytest.mark.parametrize("root", ["1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.10"])
def test_an_identity_that_only_a_document_vouches_for_is_never_validated(root: str) -> None:
    person = patient(before=FRENCH, identity=f'<id root="{root}" extension="279035121518989"/>')
    [status] = extension(person, "fr-core-identity-reliability")["extension"]
    assert status["valueCoding"]["code"] == "RECUP"


def test_a_name_of_birth_and_one_in_use_are_two_names() -> None:
    official, usual = patient(person=NAMES)["name"]
    assert (official["use"], official["family"], official["given"]) == (
        "official",
        "PAT-TROIS",
        ["DOMINIQUE"],
    )
    assert extension(official, "birth-list-given-name")["valueString"] == "DOMINIQUE MARIE-LOUISE"
    assert (usual["use"], usual["family"], usual["given"]) == ("usual", "PAT", ["DOMI"])


def test_the_code_of_the_place_of_birth_is_no_district() -> None:
    place = "<birthplace><place><addr><county>51215</county><city>DOMPREMY</city></addr></place></birthplace>"
    born = extension(patient(before=FRENCH, person=PERSON + place), "patient-birthPlace")["valueAddress"]
    assert born["city"] == "DOMPREMY"
    assert "district" not in born
    assert extension(born, "insee-code")["valueCoding"]["code"] == "51215"


@pytest.mark.parametrize(
    ("node", "gender"),
    [
        pytest.param('code="M"', "male", id="male"),
        pytest.param('code="UN"', "other", id="undifferentiated"),
        pytest.param('nullFlavor="NASK"', "unknown", id="not-asked"),
        pytest.param('code="X9"', "unknown", id="no-known-code"),
    ],
)
def test_gender(node: str, gender: str) -> None:
    assert patient(person=f"<administrativeGenderCode {node}/>")["gender"] == gender


def test_a_gender_means_what_its_realm_means_by_it() -> None:
    person = patient(before=FRENCH, person='<administrativeGenderCode code="UN"/>')
    assert person["gender"] == "unknown"


@pytest.mark.parametrize(
    ("value", "day"),
    [
        pytest.param("19790328", "1979-03-28", id="day"),
        pytest.param("197903", "1979-03", id="month"),
        pytest.param("1979", "1979", id="year"),
        pytest.param("19750300", "1975-03", id="unknown-day"),
    ],
)
def test_a_date_of_birth_is_as_exact_as_it_was_given(value: str, day: str) -> None:
    person = patient(person=f'<birthTime value="{value}"/>')
    assert person["birthDate"] == day
    assert "_birthDate" not in person


def test_a_time_of_birth_stands_beside_the_date() -> None:
    person = patient(person='<birthTime value="197903281015+0100"/>')
    [said] = person["_birthDate"]["extension"]
    assert (person["birthDate"], said["valueDateTime"]) == ("1979-03-28", "1979-03-28T10:15:00+01:00")


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        pytest.param('<sdtc:deceasedInd value="true"/>', {"deceasedBoolean": True}, id="dead"),
        pytest.param('<sdtc:deceasedInd value="false"/>', {"deceasedBoolean": False}, id="alive"),
        pytest.param(
            '<sdtc:deceasedInd value="true"/><sdtc:deceasedTime value="20200101"/>',
            {"deceasedDateTime": "2020-01-01"},
            id="since-when",
        ),
        pytest.param('<sdtc:multipleBirthInd value="true"/>', {"multipleBirthBoolean": True}, id="twin"),
        pytest.param(
            '<sdtc:multipleBirthInd value="true"/><sdtc:multipleBirthOrderNumber value="2"/>',
            {"multipleBirthInteger": 2},
            id="second-born",
        ),
    ],
)
def test_death_and_multiple_birth(inner: str, expected: dict[str, Any]) -> None:
    person = patient(person=PERSON + inner)
    assert {name: value for name, value in person.items() if name.startswith(("deceased", "multiple"))} == (
        expected
    )


RELATIVE = (
    '<informant><relatedEntity classCode="{kind}"><code code="SIS" codeSystem="2.16.840.1.113883.5.111"/>'
    '<telecom value="tel:0600000000" use="MC"/><relatedPerson><name><family>NESSI</family></name>'
    "</relatedPerson></relatedEntity></informant>"
)


@pytest.mark.parametrize("kind", ["ECON", "NOK", "CAREGIVER"])
def test_whom_to_call_is_a_contact_and_no_informant(kind: str) -> None:
    result = converted(after=RELATIVE.format(kind=kind))
    [contact] = only(result, "Patient")["contact"]
    codes = [coding["code"] for each in contact["relationship"] for coding in each["coding"]]
    assert codes == [kind, "SIS"]
    assert contact["name"] == {"family": "NESSI"}
    assert "extension" not in only(result, "Composition")


def test_a_guardian_is_a_contact() -> None:
    guardian = "<guardian><guardianPerson><name><family>Guard</family></name></guardianPerson></guardian>"
    [contact] = patient(person=PERSON + guardian)["contact"]
    assert contact["relationship"][0]["coding"][0]["code"] == "GUARD"


def test_the_practitioner_of_first_resort_is_the_general_practitioner() -> None:
    after = (
        '<participant typeCode="INF"><functionCode code="PCP" codeSystem="2.16.840.1.113883.5.88"/>'
        '<associatedEntity classCode="PROV"><id root="1.2.250.1.71.4.2.1" extension="801234567897"/>'
        "<associatedPerson><name><family>MEDIONI</family></name></associatedPerson></associatedEntity>"
        "</participant>"
    )
    result = converted(after=after)
    [who] = only(result, "Patient")["generalPractitioner"]
    [entry] = [each for each in result.bundle["entry"] if each["fullUrl"] == who["reference"]]
    assert entry["resource"]["name"][0]["family"] == "MEDIONI"


def test_race_and_ethnicity_stand_in_the_extensions_of_their_realm() -> None:
    codes = (
        '<raceCode code="2106-3" displayName="White" codeSystem="2.16.840.1.113883.6.238"/>'
        '<sdtc:raceCode code="2108-9" displayName="European" codeSystem="2.16.840.1.113883.6.238"/>'
        '<ethnicGroupCode code="2186-5" displayName="Not Hispanic" codeSystem="2.16.840.1.113883.6.238"/>'
    )
    person = patient(person=PERSON + codes)
    race = extension(person, "us-core-race")["extension"]
    assert [each["url"] for each in race] == ["ombCategory", "detailed", "text"]
    assert race[2]["valueString"] == "White, European"
    assert extension(person, "us-core-ethnicity")["extension"][0]["valueCoding"]["code"] == "2186-5"


def test_languages_and_which_one_is_preferred() -> None:
    spoken = '<languageCommunication><languageCode code="fr"/><preferenceInd value="true"/></languageCommunication>'
    [language] = patient(person=PERSON + spoken)["communication"]
    assert (language["language"]["coding"][0]["code"], language["preferred"]) == ("fr", True)
