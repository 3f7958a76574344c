"""Six small documents of our own making, about nobody: a summary, results, vaccinations, a prescription, a patient
summary of another country, and a wrapped file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.importers.cda.whole import body, document, section

SNOMED: Final = 'codeSystem="2.16.840.1.113883.6.96"'
LOINC: Final = 'codeSystem="2.16.840.1.113883.6.1"'
HEADER: Final = (
    '<author><time value="20240311101500+0100"/><assignedAuthor><id root="2.999.7" extension="A17"/>'
    '<code code="309343006" codeSystem="2.16.840.1.113883.6.96" displayName="Physician"/>'
    '<telecom value="tel:+999-1234" use="WP"/><assignedPerson><name><family>House</family>'
    "<given>Greta</given></name></assignedPerson><representedOrganization>"
    '<id root="2.999.8" extension="O3"/><name>Quay Clinic</name></representedOrganization></assignedAuthor></author>'
    '<custodian><assignedCustodian><representedCustodianOrganization><id root="2.999.8" extension="O9"/>'
    "<name>Harbour Archive</name></representedCustodianOrganization></assignedCustodian></custodian>"
)


def _concern(template: str, inner: str) -> str:
    return (
        f'<entry><act classCode="ACT" moodCode="EVN"><templateId root="{template}"/>'
        '<id root="2.999.9" extension="C4"/><code nullFlavor="NA"/><statusCode code="active"/>'
        '<effectiveTime><low value="201105"/></effectiveTime><entryRelationship typeCode="SUBJ">'
        f"{inner}</entryRelationship></act></entry>"
    )


def _observation(template: str, inner: str, attributes: str = "") -> str:
    return (
        f'<observation classCode="OBS" moodCode="EVN" {attributes}><templateId root="{template}"/>'
        f"{inner}</observation>"
    )


PROBLEM: Final = _concern(
    "1.3.6.1.4.1.19376.1.5.3.1.4.5.2",
    _observation(
        "1.3.6.1.4.1.19376.1.5.3.1.4.5",
        f'<id root="2.999.9" extension="P5"/><code code="55607006" {SNOMED}/>'
        '<text><reference value="#p1"/></text><statusCode code="completed"/>'
        '<effectiveTime><low value="20110517"/></effectiveTime>'
        f'<value xsi:type="CD" code="38341003" {SNOMED} displayName="Raised pressure"/>',
    ),
)
ALLERGY: Final = _concern(
    "1.3.6.1.4.1.19376.1.5.3.1.4.5.3",
    _observation(
        "1.3.6.1.4.1.19376.1.5.3.1.4.6",
        f'<id root="2.999.9" extension="Y6"/><code code="416098002" {SNOMED}/><statusCode code="completed"/>'
        f'<value xsi:type="CD" code="416098002" {SNOMED}/><participant typeCode="CSM"><participantRole '
        f'classCode="MANU"><playingEntity classCode="MMAT"><code code="373270004" {SNOMED} '
        'displayName="Penicillin class"/></playingEntity></participantRole></participant>',
        'negationInd="false"',
    ),
)
NO_ALLERGY: Final = ALLERGY.replace('negationInd="false"', 'negationInd="true"')
BATTERY: Final = (
    '<entry><organizer classCode="BATTERY" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.3.1.4"/>'
    f'<id root="2.999.9" extension="B2"/><code code="24323-8" {LOINC}/><statusCode code="completed"/>'
    '<effectiveTime value="202403100730+0100"/>'
    + "".join(
        f'<component><observation classCode="OBS" moodCode="EVN"><id root="2.999.9" extension="R{code}"/>'
        f'<code code="{code}" {LOINC}/><statusCode code="completed"/><effectiveTime value="202403100730+0100"/>'
        f'<value xsi:type="PQ" value="{value}" unit="{unit}"/><interpretationCode code="{flag}" '
        'codeSystem="2.16.840.1.113883.5.83"/><referenceRange><observationRange classCode="OBS" moodCode="EVN.CRT">'
        f'<value xsi:type="IVL_PQ"><low value="{low}" unit="{unit}"/><high value="{high}" unit="{unit}"/></value>'
        "</observationRange></referenceRange></observation></component>"
        for code, value, unit, flag, low, high in (
            ("2823-3", "4.10", "mmol/L", "N", "3.50", "5.10"),
            ("2951-2", "131.0", "mmol/L", "L", "136", "145"),
        )
    )
    + "</organizer></entry>"
)
VACCINE: Final = (
    '<entry><substanceAdministration classCode="SBADM" moodCode="EVN" negationInd="{negated}">'
    '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.12"/><id root="2.999.9" extension="V{number}"/>'
    '<code code="IMMUNIZ" codeSystem="2.16.840.1.113883.5.4"/><text><reference value="#v{number}"/></text>'
    '<statusCode code="completed"/><effectiveTime value="{time}"/><doseQuantity value="0.5" unit="mL"/>'
    '<consumable><manufacturedProduct classCode="MANU"><manufacturedMaterial>'
    f'<code code="871837009" {SNOMED} displayName="Tetanus vaccine"/><lotNumberText>LOT{{number}}X</lotNumberText>'
    "</manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry>"
)
DRUG: Final = (
    '<entry><substanceAdministration classCode="SBADM" moodCode="INT">'
    '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.7"/><id root="2.999.9" extension="M8"/>'
    '<text><reference value="#m1"/></text><statusCode code="active"/>'
    '<effectiveTime xsi:type="IVL_TS"><low value="20240312"/><high value="20240326"/></effectiveTime>'
    '<effectiveTime xsi:type="PIVL_TS" operator="A" institutionSpecified="false"><period value="8" unit="h"/>'
    f'</effectiveTime><routeCode code="26643006" {SNOMED}/><doseQuantity><low value="250" unit="mg"/>'
    '<high value="500" unit="mg"/></doseQuantity><consumable><manufacturedProduct classCode="MANU">'
    f'<manufacturedMaterial><code code="27658006" {SNOMED} displayName="Amoxicillin"/><name>Amoxilike</name>'
    "</manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry>"
)


def _text(*lines: tuple[str, str]) -> str:
    items = "".join(f'<item ID="{anchor}">{words}</item>' for anchor, words in lines)
    return f"<text><list>{items}</list></text>"


def _whole(sections: str) -> bytes:
    before = '<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="en"/>'
    return document(before=before, after=HEADER + body(sections))


DOCUMENTS: Final[Mapping[str, bytes]] = {
    "summary": _whole(
        section(_text(("p1", "Pressure raised since spring")) + PROBLEM)
        + section(_text(("a1", "Reacts to penicillins")) + ALLERGY, code="48765-2", title="<title>Reactions</title>")
    ),
    "results": _whole(
        section(_text(("r1", "Potassium and sodium")) + BATTERY, code="26436-6", title="<title>Results</title>")
    ),
    "vaccinations": _whole(
        section(
            _text(("v1", "Tetanus, first"), ("v2", "Tetanus, not given"))
            + VACCINE.format(negated="false", number=1, time="199803")
            + VACCINE.format(negated="true", number=2, time="2008"),
            code="11369-6",
            title="<title>Vaccinations</title>",
        )
    ),
    "prescription": _whole(
        section(_text(("m1", "Every eight hours")) + DRUG, code="57828-6", title="<title>Drugs</title>")
    ),
    "patient-summary": _whole(
        section(_text(("a1", "No reaction to penicillins")) + NO_ALLERGY, code="48765-2")
        + section(_text(("m1", "Amoxilike")) + DRUG, code="10160-0", title="<title>Drugs</title>")
        + section('<text>Nothing is known.</text>', code="47519-4", title="<title>Procedures</title>")
    ),
    "wrapped-file": document(
        after=HEADER + '<component><nonXMLBody><text mediaType="application/pdf" representation="B64">'
        "JVBERi0xLjcKJSBub2JvZHkKJSVFT0YK</text></nonXMLBody></component>"
    ),
}  # fmt: skip
