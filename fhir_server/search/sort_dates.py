"""The one date by which the resources of a type are ordered, as a table.

The parameters of a row are tried in turn; the first that a resource has gives the date, its earliest start
(none where that is open).
A type without a row takes `date`, else the first date parameter in alphabetical order.
"""

from __future__ import annotations

from collections.abc import Mapping

from fhir_server.search.parameter import Parameter

SORT_DATES: Mapping[str, tuple[str, ...]] = {
    "AllergyIntolerance": ("onset", "date", "last-date"),
    "Account": ("period",),
    "AdverseEvent": ("date",),
    "CarePlan": ("date", "activity-date"),
    "ChargeItem": ("occurrence", "entered-date"),
    "Claim": ("created",),
    "ClaimResponse": ("created", "payment-date"),
    "Communication": ("sent", "received"),
    "CommunicationRequest": ("occurrence", "authored"),
    "Condition": ("onset-date", "recorded-date", "abatement-date"),
    "Contract": ("issued",),
    "CoverageEligibilityRequest": ("created",),
    "CoverageEligibilityResponse": ("created",),
    "DetectedIssue": ("identified",),
    "DeviceRequest": ("event-date", "authored-on"),
    "DiagnosticReport": ("date", "issued"),
    "DocumentManifest": ("created",),
    "DocumentReference": ("date", "period"),
    "ExplanationOfBenefit": ("created",),
    "Goal": ("start-date", "target-date"),
    "ImagingStudy": ("started",),
    "Immunization": ("date",),
    "Invoice": ("date",),
    "Media": ("created",),
    "MedicationAdministration": ("effective-time",),
    "MedicationDispense": ("whenhandedover", "whenprepared"),
    "MedicationRequest": ("authoredon", "date"),
    "MedicationStatement": ("effective",),
    "MeasureReport": ("date", "period"),
    "NutritionOrder": ("datetime",),
    "Patient": (),
    "Person": (),
    "Practitioner": (),
    "Procedure": ("date",),
    "Provenance": ("recorded", "when"),
    "QuestionnaireResponse": ("authored",),
    "RelatedPerson": (),
    "RequestGroup": ("authored",),
    "ServiceRequest": ("occurrence", "authored"),
    "Specimen": ("collected",),
    "Task": ("authored-on", "period", "modified"),
    "VisionPrescription": ("datewritten",),
}


def sort_dates(resource_type: str, parameters: Mapping[str, Parameter]) -> tuple[str, ...]:
    """Return the codes of the date parameters that give the sort date, in the order in which to try them."""
    row = SORT_DATES.get(resource_type)
    dates = sorted(code for code, parameter in parameters.items() if parameter.type == "date")
    if row is not None:
        return tuple(code for code in row if code in dates)
    if "date" in dates:
        return ("date",)
    return tuple(code for code in dates if code != "_lastUpdated")[:1]
