"""Clinical documents of our own making, and what a server says of their import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.test import TestResponse

OPERATION = "/$import-document"
PERSONS = "1.2.250.1.213.1.4.10"
"""The root of identifiers that the document calls official."""
XML = {"Content-Type": "application/xml"}
SUPERSEDED = {"system": "http://hl7.org/fhir/document-reference-status", "code": "superseded"}

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<id root="2.999.5" extension="{id}"/>
<code code="60591-5" codeSystem="2.16.840.1.113883.6.1" displayName="Summary"/>
<title>Summary</title><effectiveTime value="20240312111700+0100"/>
<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/>
<recordTarget><patientRole><id root="{persons}" extension="{person}"/><patient>
<name><family>Doe</family><given>Jane</given></name><administrativeGenderCode code="F"/>
<birthTime value="19790328"/></patient></patientRole></recordTarget>
<author><time value="20240312111700+0100"/><assignedAuthor><id root="2.999.7" extension="{author}"/>
{who}</assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization><id root="2.999.8" extension="O1"/>
<name>House</name></representedCustodianOrganization></assignedCustodian></custodian>
"""
DOCTOR = "<assignedPerson><name><family>Roe</family></name></assignedPerson>"
DEVICE = (
    "<assignedAuthoringDevice><manufacturerModelName>Box</manufacturerModelName>"
    "<softwareName>Ware</softwareName></assignedAuthoringDevice>"
)
REPLACES = (
    '<relatedDocument typeCode="RPLC"><parentDocument><id root="2.999.5" extension="{}"/>'
    "</parentDocument></relatedDocument>"
)
BODY = """<component><structuredBody><component><section>
<templateId root="1.3.6.1.4.1.19376.1.5.3.1.3.13"/>
<code code="48765-2" codeSystem="2.16.840.1.113883.6.1"/><title>Allergies</title><text>Peanut</text>
<entry><act classCode="ACT" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5.1"/>
<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5.3"/><id root="2.999.9" extension="{id}"/>
<code nullFlavor="NA"/><statusCode code="active"/><effectiveTime><low value="2020"/></effectiveTime>
<entryRelationship typeCode="SUBJ" inversionInd="false"><observation classCode="OBS" moodCode="EVN">
<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.5"/><templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.6"/>
<id root="2.999.10" extension="{id}"/><code code="FALG" codeSystem="2.16.840.1.113883.5.4"/>
<statusCode code="completed"/><effectiveTime><low value="2020"/></effectiveTime>
<participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT">
<code code="762952008" codeSystem="2.16.840.1.113883.6.96" displayName="Peanut"/>
</playingEntity></participantRole></participant>
</observation></entryRelationship></act></entry></section></component></structuredBody></component>
</ClinicalDocument>
"""


def document(
    id: str, person: str, *, replaces: str = "", author: str = "A1", note: str = "", who: str = DOCTOR
) -> bytes:
    """Return a document that knows of one allergy; `replaces` is the id of an earlier one."""
    head = HEAD.format(id=id, person=person, persons=PERSONS, author=author, who=who)
    related = REPLACES.format(replaces) if replaces else ""
    return f"{head}{related}{BODY.format(id=id)}<!--{note}-->\n".encode()


def told(response: TestResponse) -> dict[str, Any]:
    """Return what an import was answered: outcome, document, patient …, and `resources` by type."""
    assert response.status_code == 200, response.get_data(as_text=True)
    answer: dict[str, Any] = {"replaced": [], "resources": {}, "unmapped": {}}
    for one in response.get_json(force=True)["parameter"]:
        values = {part["name"]: value_of(part) for part in one.get("part", ())}
        match one["name"]:
            case "resource":
                answer["resources"][values["type"]] = (values["created"], values["found"])
            case "unmapped":
                answer["unmapped"][values["xpath"]] = values["count"]
            case "replaced":
                answer["replaced"].append(value_of(one))
            case "template" | "issues":
                pass
            case name:
                answer[name] = value_of(one)
    return answer


def value_of(one: dict[str, Any]) -> Any:
    """Return the value of a parameter; of a reference where it leads."""
    value = next(value for name, value in one.items() if name != "name")
    return value["reference"] if isinstance(value, dict) else value


def all_of(get: Callable[[str], TestResponse], path: str) -> list[dict[str, Any]]:
    """Return what a search finds."""
    answer = get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return [entry["resource"] for entry in answer.get_json(force=True).get("entry", ())]
