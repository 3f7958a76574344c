"""Vaccinations that are recommended.

Spec: https://hl7.org/fhir/R4/immunizationrecommendation.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda import datatypes, extensions
from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.entries import statement as st
from importers.cda.entries.answers import nested, take_frame
from importers.cda.entries.engine import Mapper
from importers.cda.entries.meanings import code_for, is_known_absence, says_something
from importers.cda.entries.medication_dosage import instructions
from importers.cda.entries.medication_product import product_code, take_product_frame
from importers.cda.entries.notes import notes
from importers.cda.entries.place import Place
from importers.cda.xml import attr, child, path

_STATUS = "http://terminology.hl7.org/CodeSystem/immunization-recommendation-status"
_ACT_STATUS = "http://terminology.hl7.org/CodeSystem/v3-ActStatus"
_LOINC = "http://loinc.org"
_EARLIEST = "30981-5"
_LATEST = "59777-3"
_DUE = "30980-7"


def recommendation(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Return the ImmunizationRecommendation of a vaccination that is proposed or intended."""
    resource = st.start(cv, statement, "ImmunizationRecommendation", subject="patient")
    _put_date(cv, resource, statement)
    authors = (st.limited(cv, author, {"Organization"}) for author in st.authors(cv, statement, place))
    st.put(resource, "authority", next((found for found in authors if found), None))
    item = _item(cv, statement)
    said = [note["text"] for note in notes(cv, statement, own=False)]
    words = [st.text_of(cv, statement), instructions(cv, statement, "patient-instruction"), *said]
    vaccine = item["vaccineCode"][0].get("text")
    st.put(item, "description", "\n".join(word for word in dict.fromkeys(words) if word and word != vaccine))
    _put_kind(cv, resource, statement)
    resource["recommendation"] = [item]
    return [cv.add(resource, statement)]


def _put_date(cv: Conversion, resource: Resource, statement: Element) -> None:
    """Set when it was recommended: by its author, else with the document."""
    moment = st.authored(cv, statement) or datatypes.date_time(cv, child(cv.source.root, "effectiveTime"))
    if moment is None:
        resource["_date"] = st.reasons(cv, None)
    else:
        resource["date"] = moment


def _item(cv: Conversion, statement: Element) -> dict[str, Any]:
    item: dict[str, Any] = {"vaccineCode": [_vaccine(cv, statement)]}
    for part in nested(cv, statement):
        found = datatypes.value(cv, child(part.statement, "value")) if part.kind == "dose-number" else None
        if found is not None and found[0] == "Integer" and found[1] > 0:
            item["doseNumberPositiveInt"] = found[1]
            take_frame(cv, part.statement)
    item["forecastStatus"] = _forecast(cv, statement)
    st.put(item, "dateCriterion", _criteria(cv, statement))
    return item


def _vaccine(cv: Conversion, statement: Element) -> dict[str, Any]:
    holder = path(statement, "consumable/manufacturedProduct")
    material = None if holder is None else child(holder, "manufacturedMaterial")
    concept = None if material is None else product_code(cv, material)
    if says_something(concept) and concept is not None:
        if material is not None:
            take_product_frame(cv, material)
        return concept
    own, words = st.code(cv, statement), st.text_of(cv, statement)
    if own is not None and is_known_absence(own):
        return own
    return {"text": words} if words else concept or st.reasons(cv, material)


def _forecast(cv: Conversion, statement: Element) -> dict[str, Any]:
    """Return the status, which R4 requires: due while active; a negated recommendation says so in words."""
    node = child(statement, "statusCode")
    said = attr(node, "code") or "active"
    if node is not None:
        cv.take(node)
    if st.is_negated(cv, statement):
        return {"text": "negated: not recommended"}
    if said == "active":
        return {"coding": [{"system": _STATUS, "code": "due"}]}
    return {"coding": [{"system": _ACT_STATUS, "code": said}]}


def _criteria(cv: Conversion, statement: Element) -> list[dict[str, Any]]:
    when = st.when(cv, child(statement, "effectiveTime"))
    if when is None:
        return []
    dates: list[tuple[str, str | None]]
    if isinstance(when[1], str):
        dates = [(_DUE, when[1])]
    else:
        dates = [(_EARLIEST, when[1].get("start")), (_LATEST, when[1].get("end"))]
    return [
        {"code": {"coding": [{"system": _LOINC, "code": code}]}, "value": value}
        for code, value in dates
        if value is not None
    ]


def _put_kind(cv: Conversion, resource: Resource, statement: Element) -> None:
    kind = st.code(cv, statement)
    if says_something(kind) and code_for("says-nothing", kind) is None and not is_known_absence(kind):
        extension = extensions.own(cv.base, extensions.STATEMENT_CODE, "CodeableConcept", kind)
        st.add(resource, "extension", extension)


MAPPERS: Mapping[str, Mapper] = {"immunization-recommendation": recommendation}
