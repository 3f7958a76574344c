"""Our own extensions: what a CDA document says that R4 has no element and HL7 no extension for.

Each stands below the canonical base: `[base]/StructureDefinition/[name]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

Value = tuple[str, Any]
"""The suffix of `value[x]` and its value: `("Reference", {…})`."""

PARTICIPATION: Final = "cda-participation"
TIME: Final = "cda-participation-time"
FUNCTION: Final = "cda-participation-function"
SECTION_IDENTIFIER: Final = "section-identifier"
CONSENT: Final = "document-consent"
CONCERN_PERIOD: Final = "concern-period"
EFFECTIVE_PERIOD: Final = "effective-period"
STATEMENT_CODE: Final = "statement-code"
STATEMENT_VALUE: Final = "statement-value"
SEVERITY: Final = "severity"
OFF_LABEL: Final = "off-label"
NOT_COVERED: Final = "not-covered"
QUALIFIER: Final = "code-qualifier"
PRODUCT_NAME: Final = "product-name"
PRODUCT_CLASS: Final = "product-class"
PRODUCT_PACKAGE: Final = "product-package"
ANTIGEN_DOSE: Final = "antigen-dose"
COMMENT: Final = "comment"
INFORMANT: Final = "informant"
DISPENSER_INSTRUCTION: Final = "dispenser-instruction"
DOSE_RANGE: Final = "dose-range"
RATE_RANGE: Final = "rate-range"
ADDRESS: Final = "further-address"
FURTHER_NAME: Final = "further-name"
RELATED_VERSION: Final = "related-document-version"
RELATED_SET: Final = "related-document-set"
ATTRIBUTE: Final = "coded-attribute"
XPATH: Final = "source-xpath"
BYTES: Final = "source-bytes"


@dataclass(frozen=True, slots=True)
class Definition:
    """One of our extensions: where it may stand, what it holds, and what it says."""

    contexts: tuple[str, ...]
    value: str | None
    text: str
    parts: tuple[tuple[str, str], ...] = ()
    """Names of nested extensions with the type of their value."""


DEFINITIONS: Final[Mapping[str, Definition]] = MappingProxyType({
    PARTICIPATION: Definition(
        ("Composition", "Composition.event", "Composition.section"),
        None,
        "A party to the document, or to an event it documents, that no element of Composition is for.",
        (("type", "Coding"), ("function", "CodeableConcept"), ("period", "Period"), ("party", "Reference")),
    ),
    TIME: Definition(
        (
            "Composition.author",
            "Composition.section.author",
            "DiagnosticReport.performer",
            "Observation.performer",
            "Procedure.performer",
        ),
        "dateTime",
        "When the party began to take part.",
    ),
    FUNCTION: Definition(
        ("Composition.author", "Composition.section.author"),
        "CodeableConcept",
        "In which function the party took part.",
    ),
    SECTION_IDENTIFIER: Definition(
        ("Composition.section",), "Identifier", "The identifier that the document gives to a section."
    ),
    CONSENT: Definition(("Composition",), "Reference", "A Consent that the header of the document names."),
    CONCERN_PERIOD: Definition(
        ("AllergyIntolerance", "Condition"),
        "Period",
        "When the concern was followed, apart from what it is about.",
    ),
    EFFECTIVE_PERIOD: Definition(
        ("Condition",), "Period", "The time of the statement where R4 forbids an end beside the status."
    ),
    STATEMENT_CODE: Definition(
        ("AllergyIntolerance", "Immunization", "MedicationStatement", "MedicationRequest",
         "MedicationDispense", "MedicationAdministration", "AdverseEvent", "ImmunizationRecommendation"),
        "CodeableConcept",
        "What kind of statement it is, by the document's own code.",
    ),
    STATEMENT_VALUE: Definition(
        ("AllergyIntolerance", "AdverseEvent"), "CodeableConcept", "What the statement says beside the agent."
    ),
    SEVERITY: Definition(
        ("AllergyIntolerance", "AllergyIntolerance.reaction", "AdverseEvent"),
        "CodeableConcept",
        "The severity in the document's own grades, finer than those of R4.",
    ),
    OFF_LABEL: Definition(
        ("MedicationRequest", "MedicationStatement"),
        "boolean",
        "Whether the use is outside the authorization.",
    ),
    NOT_COVERED: Definition(
        ("MedicationRequest", "MedicationStatement", "DeviceUseStatement"),
        "boolean",
        "Whether nobody reimburses it.",
    ),
    QUALIFIER: Definition(
        ("CodeableConcept",),
        None,
        "What refines a code (a side, a grade): the attribute, where it is named, and its value.",
        (("attribute", "CodeableConcept"), ("value", "CodeableConcept")),
    ),
    PRODUCT_NAME: Definition(("CodeableConcept",), "string", "The name of the product beside its code."),
    PRODUCT_CLASS: Definition(
        ("CodeableConcept", "Medication"),
        "CodeableConcept",
        "A class, such as of ATC, that the product belongs to.",
    ),
    PRODUCT_PACKAGE: Definition(
        ("Medication",),
        None,
        "A package of the product.",
        (
            ("code", "CodeableConcept"),
            ("label", "string"),
            ("form", "CodeableConcept"),
            ("capacity", "Quantity"),
            ("quantity", "Quantity"),
        ),
    ),
    ANTIGEN_DOSE: Definition(
        ("Immunization",),
        None,
        "An antigen of a combined vaccine.",
        (("code", "CodeableConcept"), ("quantity", "Quantity")),
    ),
    COMMENT: Definition(("AdverseEvent",), "Annotation", "What was remarked, where R4 has no note."),
    INFORMANT: Definition(("Immunization",), "Reference", "Who told it."),
    DISPENSER_INSTRUCTION: Definition(
        ("MedicationRequest", "MedicationDispense", "MedicationStatement", "Immunization"),
        "string",
        "What whoever dispenses is asked to mind.",
    ),
    DOSE_RANGE: Definition(
        ("MedicationAdministration.dosage", "Immunization"),
        "Range",
        "A dose that the document gives as an interval, or by one bound alone.",
    ),
    RATE_RANGE: Definition(
        ("MedicationAdministration.dosage",), "Range", "A rate that the document gives as an interval."
    ),
    ADDRESS: Definition(
        ("Device", "Location", "Patient.contact"), "Address", "An address for which the element has no room."
    ),
    FURTHER_NAME: Definition(
        ("Patient.contact",), "HumanName", "A further name of somebody who can be called."
    ),
    RELATED_VERSION: Definition(
        ("Composition.relatesTo",), "string", "The version of the document that this one relates to."
    ),
    RELATED_SET: Definition(
        ("Composition.relatesTo",), "Identifier", "What the versions of that document have in common."
    ),
    ATTRIBUTE: Definition(
        ("Procedure", "ServiceRequest"),
        None,
        "A code that R4 has no element for, and in which element of CDA it stood.",
        (("of", "code"), ("value", "CodeableConcept")),
    ),
    XPATH: Definition(
        ("Provenance.target",), "string", "The place, in the original, of what the resource was made from."
    ),
    BYTES: Definition(
        ("Provenance.target",),
        "string",
        "The first byte and the byte after the last of that place: `1024-2048`.",
    ),
})  # fmt: skip


def own(base: str, name: str, suffix: str, value: Any) -> dict[str, Any]:
    """Return one of our simple extensions; `suffix` is that of `value[x]`."""
    return {"url": url(base, name), f"value{suffix}": value}


def own_parts(base: str, name: str, **parts: Value | None) -> dict[str, Any]:
    """Return one of our complex extensions with the parts that have a value."""
    nested = [{"url": part, f"value{value[0]}": value[1]} for part, value in parts.items() if value]
    return {"url": url(base, name), "extension": nested}


def url(base: str, name: str) -> str:
    """Return the canonical of one of our extensions."""
    return f"{base}/StructureDefinition/{name}"
