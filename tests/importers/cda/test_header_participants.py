"""The parties of a document: each one resource, however often met, in the place that R4 has for its part."""

from __future__ import annotations

from typing import Any

import pytest

from tests.importers.cda.whole import behind, converted, only, resources

ID = '<id root="1.2.250.1.71.4.2.1" extension="801234567897"/>'
PERSON = "<assignedPerson><name><family>MEDIONI</family></name></assignedPerson>"
PLACE = (
    '<representedOrganization><id root="1.2.250.1.71.4.2.2" extension="1120456789"/><name>Centre</name>{more}'
    "</representedOrganization>"
)
CODE = '<code code="G15_10/SM26" codeSystem="1.2.250.1.213.1.1.4.5"/>'
TIME = '<time value="20200312111700+0100"/>'


def entity(more: str = "", place: str = PLACE.format(more="")) -> str:
    return f"<assignedEntity>{ID}{CODE}{more}{PERSON}{place}</assignedEntity>"


AUTHOR = f"<author>{TIME}<assignedAuthor>{ID}{CODE}{PERSON}{PLACE.format(more='')}</assignedAuthor></author>"


def test_one_professional_met_three_times_is_one() -> None:
    after = (
        AUTHOR
        + f'<legalAuthenticator>{TIME}<signatureCode code="S"/>{entity()}</legalAuthenticator>'
        + f'<authenticator>{TIME}<signatureCode code="S"/>{entity()}</authenticator>'
    )
    result = converted(after=after)
    role, practitioner = only(result, "PractitionerRole"), only(result, "Practitioner")
    assert behind(result, role["practitioner"]) == practitioner
    assert behind(result, role["organization"]) == only(result, "Organization")
    attesters = only(result, "Composition")["attester"]
    assert [each["mode"] for each in attesters] == ["legal", "professional"]
    assert {each["party"]["reference"] for each in attesters} == {
        only(result, "DocumentReference")["authenticator"]["reference"]
    }


def test_what_a_later_mention_adds_is_added() -> None:
    later = PLACE.format(more='<telecom value="tel:0102030405" use="WP"/><name>Belvedere</name>')
    after = AUTHOR + f"<authenticator>{TIME}{entity(place=later)}</authenticator>"
    organization = only(converted(after=after), "Organization")
    assert organization["name"] == "Centre"
    assert organization["alias"] == ["Belvedere"]
    assert organization["telecom"][0]["value"] == "0102030405"


def test_an_organization_has_no_home() -> None:
    more = '<telecom value="tel:0102030405" use="HP"/><addr use="HP"><city>X</city></addr>'
    result = converted(after=AUTHOR.replace("<name>Centre</name>", f"<name>Centre</name>{more}"))
    organization = only(result, "Organization")
    assert organization["telecom"] == [{"system": "phone", "value": "0102030405"}]
    assert organization["address"] == [{"city": "X"}]
    assert "structure" in {issue.kind for issue in result.issues}


def test_an_identifier_of_odd_length_is_kept_as_it_is() -> None:
    after = AUTHOR.replace("801234567897", "8012345678979999/12")
    [known] = only(converted(after=after), "Practitioner")["identifier"]
    assert (known["system"], known["value"]) == ("urn:oid:1.2.250.1.71.4.2.1", "8012345678979999/12")


CORE = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        pytest.param(
            "801234567897",
            [("IDNPS", "801234567897"), ("RPPS", "01234567897")],
            id="of-the-directory-of-persons",
        ),
        pytest.param("8012345678979", [("IDNPS", "8012345678979")], id="too-long"),
        pytest.param("012345678901", [("IDNPS", "012345678901")], id="of-another-directory"),
        pytest.param("3750100125/1453", [("IDNPS", "3750100125/1453")], id="of-an-employer"),
    ],
)
def test_the_identifier_of_a_professional_has_its_type_and_that_of_the_directory_beside(
    extension: str, expected: list[tuple[str, str]]
) -> None:
    found = only(converted(after=AUTHOR.replace("801234567897", extension)), "Practitioner")["identifier"]
    assert [(each["type"]["coding"][0]["code"], each["value"]) for each in found] == expected
    assert {each["type"]["coding"][0]["system"] for each in found} == {CORE}
    assert [each["system"] for each in found] == [
        "urn:oid:1.2.250.1.71.4.2.1",
        "https://rpps.esante.gouv.fr",
    ][: len(expected)]


def test_the_identifier_of_a_structure_has_its_type_and_is_not_interpreted() -> None:
    [known] = only(converted(after=AUTHOR), "Organization")["identifier"]
    assert known == {
        "type": {"coding": [{"system": CORE, "code": "IDNST"}]},
        "system": "urn:oid:1.2.250.1.71.4.2.2",
        "value": "1120456789",
    }


PROFESSIONS = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"


@pytest.mark.parametrize(
    ("code", "profession", "specialty"),
    [
        pytest.param("G15_10/SM26", ["10"], [("urn:oid:1.2.250.1.213.2.28", "SM26")], id="with-a-specialty"),
        pytest.param("G15_10/C25", ["10"], [("urn:oid:1.2.250.1.213.2.29", "C25")], id="with-a-competence"),
        pytest.param("G15_60", ["60"], [], id="without"),
        pytest.param("G15_21/A", ["21"], [], id="with-a-section-of-an-order"),
        pytest.param("SM26", [], [], id="something-else"),
    ],
)
def test_the_code_of_a_role_is_kept_and_taken_apart(
    code: str, profession: list[str], specialty: list[tuple[str, str]]
) -> None:
    role = only(converted(after=AUTHOR.replace("G15_10/SM26", code)), "PractitionerRole")
    [whole, *parts] = role["code"][0]["coding"]
    assert whole == {"system": "urn:oid:1.2.250.1.213.1.1.4.5", "code": code}
    assert [each["code"] for each in parts] == profession
    assert all(each["system"] == PROFESSIONS for each in parts)
    codings = [each["coding"][0] for each in role.get("specialty", ())]
    assert [(each["system"], each["code"]) for each in codings] == specialty


def test_the_number_of_a_sample_below_the_root_of_professionals_is_no_professional() -> None:
    device = (
        f"<author>{TIME}<assignedAuthor>{ID}<assignedAuthoringDevice><softwareName>Soft</softwareName>"
        "</assignedAuthoringDevice></assignedAuthor></author>"
    )
    assert only(converted(after=device), "Device")["identifier"] == [
        {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "801234567897"}
    ]


def test_one_identifier_for_people_of_two_names_is_reported_and_joins_nobody() -> None:
    result = converted(after=AUTHOR + AUTHOR.replace("MEDIONI", "BLUE") + AUTHOR)
    names = [[each["family"] for each in who["name"]] for who in resources(result, "Practitioner")]
    assert names == [["MEDIONI"], ["BLUE"]]
    assert "identifier" in {issue.kind for issue in result.issues}


def test_two_professionals_without_identifier_stay_two() -> None:
    after = AUTHOR.replace(ID, "") + AUTHOR.replace(ID, "").replace("MEDIONI", "BLUE")
    families = [each["name"][0]["family"] for each in resources(converted(after=after), "Practitioner")]
    assert families == ["MEDIONI", "BLUE"]


def test_a_program_is_a_device_owned_by_its_organization() -> None:
    after = (
        f'<author>{TIME}<assignedAuthor><id root="2.999.7" extension="D"/><assignedAuthoringDevice>'
        "<manufacturerModelName>Model</manufacturerModelName><softwareName>Soft</softwareName>"
        f"</assignedAuthoringDevice>{PLACE.format(more='')}</assignedAuthor></author>"
    )
    result = converted(after=after)
    device = only(result, "Device")
    assert device["deviceName"] == [
        {"name": "Model", "type": "model-name"},
        {"name": "Soft", "type": "other"},
    ]
    assert behind(result, device["owner"])["name"] == "Centre"
    assert only(result, "DocumentReference")["author"] == [
        {key: each[key] for key in ("reference",)} for each in only(result, "Composition")["author"]
    ]


def test_a_patient_who_writes_is_the_patient() -> None:
    author = f'<author>{TIME}<assignedAuthor><id root="2.999.1" extension="P1"/></assignedAuthor></author>'
    result = converted(after=author)
    [who] = only(result, "DocumentReference")["author"]
    assert behind(result, who)["resourceType"] == "Patient"


def test_an_author_says_when_and_in_which_function() -> None:
    function = '<functionCode code="PCP" codeSystem="2.16.840.1.113883.5.88"/>'
    result = converted(after=AUTHOR.replace("<author>", f"<author>{function}"))
    [author] = only(result, "Composition")["author"]
    time, said = author["extension"]
    assert time["valueDateTime"] == "2020-03-12T11:17:00+01:00"
    assert said["valueCodeableConcept"]["coding"][0]["code"] == "PCP"


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        pytest.param(f"<dataEnterer>{entity()}</dataEnterer>", "ENT", id="data-enterer"),
        pytest.param(f"<informant>{entity()}</informant>", "INF", id="informant"),
        pytest.param(
            f"<informationRecipient><intendedRecipient>{ID}</intendedRecipient></informationRecipient>",
            "PRCP",
            id="recipient",
        ),
        pytest.param(
            f'<participant typeCode="REF"><associatedEntity classCode="PROV">{ID}</associatedEntity>'
            "</participant>",
            "REF",
            id="participant",
        ),
    ],
)
def test_a_party_without_an_element_of_its_own_stands_in_an_extension(after: str, kind: str) -> None:
    result = converted(after=after)
    [said] = only(result, "Composition")["extension"]
    parts = {each["url"]: each for each in said["extension"]}
    assert parts["type"]["valueCoding"]["code"] == kind
    who: dict[str, Any] = parts["party"]["valueReference"]
    assert behind(result, who)["resourceType"] in ("Practitioner", "PractitionerRole")


def test_an_encounter_has_its_place_its_parties_and_the_class_of_its_code() -> None:
    after = (
        '<componentOf><encompassingEncounter><id root="2.999.3" extension="E"/>'
        '<code code="AMB" codeSystem="2.16.840.1.113883.5.4"/><effectiveTime><low value="20200101"/>'
        f'<high value="20200102"/></effectiveTime><responsibleParty>{entity()}</responsibleParty>'
        '<location><healthCareFacility><code code="SA07" codeSystem="1.2.250.1.71.4.2.4"/><location>'
        "<name>House</name></location></healthCareFacility></location></encompassingEncounter></componentOf>"
    )
    result = converted(after=after)
    encounter = only(result, "Encounter")
    assert (encounter["class"]["code"], encounter["status"]) == ("AMB", "finished")
    assert encounter["period"] == {"start": "2020-01-01", "end": "2020-01-02"}
    assert behind(result, encounter["location"][0]["location"])["name"] == "House"
    context = only(result, "DocumentReference")["context"]
    assert context["facilityType"]["coding"][0]["code"] == "SA07"
    assert behind(result, context["encounter"][0]) == encounter


def test_an_encounter_whose_code_v3_does_not_know_has_the_nearest_class() -> None:
    code = '<code code="EXTERNE" codeSystem="1.2.250.1.213.1.1.4.2.291"/>'
    visit = f"<encompassingEncounter>{code}<effectiveTime/></encompassingEncounter>"
    encounter = only(converted(after=f"<componentOf>{visit}</componentOf>"), "Encounter")
    assert encounter["class"]["code"] == "AMB"
    assert encounter["type"][0]["coding"][0]["code"] == "EXTERNE"


def test_several_services_the_principal_one_first() -> None:
    performer = f'<performer typeCode="PRF">{entity()}</performer>'
    plain = '<documentationOf><serviceEvent><code code="A" codeSystem="2.999.2"/></serviceEvent></documentationOf>'
    principal = (
        '<documentationOf><serviceEvent><code code="B" codeSystem="2.999.2"/><effectiveTime>'
        f'<low value="20200101"/></effectiveTime>{performer}</serviceEvent></documentationOf>'
    )
    result = converted(after=plain + principal)
    events = only(result, "Composition")["event"]
    assert [each["code"][0]["coding"][0]["code"] for each in events] == ["B", "A"]
    assert only(result, "DocumentReference")["context"]["period"] == {"start": "2020-01-01"}


def test_orders_and_consents_of_the_header() -> None:
    after = (
        '<inFulfillmentOf><order><id root="2.999.2" extension="O"/><code code="CT"'
        ' codeSystem="2.999.2" displayName="Scan"/></order></inFulfillmentOf>'
        '<authorization><consent><id root="2.999.2" extension="C"/><code code="X" codeSystem="2.999.2"/>'
        '<statusCode code="completed"/></consent></authorization>'
    )
    result = converted(after=after)
    consent = only(result, "Consent")
    assert (consent["status"], consent["identifier"][0]["value"]) == ("active", "C")
    [related] = only(result, "DocumentReference")["context"]["related"]
    assert (related["identifier"]["value"], related["display"]) == ("O", "Scan")
    urls = [each["url"].rpartition("/")[2] for each in only(result, "Composition")["extension"]]
    assert urls == ["event-basedOn", "document-consent"]
