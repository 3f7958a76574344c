"""Medicines of CDA for tests: a product, and statements about it."""

from __future__ import annotations

from typing import Any

from tests.importers.cda.entries.statements import one, section_of

CODE = (
    '<code code="63107752" codeSystem="1.2.250.1.213.2.3.1" displayName="PARACETAMOL 500">'
    '<translation code="MV1" codeSystem="1.2.250.1.213.2.59"/>'
    '<translation code="3400933516390" codeSystem="1.2.250.1.213.2.3.2"/></code>'
)
MILD = f"<manufacturedProduct><manufacturedMaterial>{CODE}</manufacturedMaterial></manufacturedProduct>"
PRODUCT = f"<consumable>{MILD}</consumable>"


def administration(inner: str, template: str = "42", mood: str = "EVN", attributes: str = "") -> str:
    return (
        f'<substanceAdministration classCode="SBADM" moodCode="{mood}" {attributes}>'
        f'<templateId root="1.2.250.1.213.1.1.3.{template}"/>{inner}</substanceAdministration>'
    )


def taken(inner: str, attributes: str = "") -> dict[str, Any]:
    return one(section_of(administration(inner, attributes=attributes)), "MedicationStatement")


def ordered(inner: str, attributes: str = "") -> dict[str, Any]:
    return one(section_of(administration(inner, "83", "INT", attributes)), "MedicationRequest")


def link(inner: str, relation: str = "COMP", before: str = "") -> str:
    return f'<entryRelationship typeCode="{relation}">{before}{inner}</entryRelationship>'
