"""The plan of a section: one CarePlan that holds the orders, goals and visits it lists."""

from __future__ import annotations

from collections.abc import Mapping

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import codeable_concept
from importers.cda.entries import statement as st
from importers.cda.entries.linking import put_reference
from importers.cda.entries.parts import statement_in
from importers.cda.entries.place import Place
from importers.cda.text import text_of
from importers.cda.xml import child, children

_PLANS = frozenset({"18776-5"})
"""Sections, by LOINC code, that are a plan of care."""

_ELEMENTS: Mapping[str, str] = {
    "DeviceRequest": "activity.reference",
    "Goal": "goal",
    "MedicationRequest": "activity.reference",
    "ServiceRequest": "activity.reference",
}


def put_in_plan(cv: Conversion, place: Place) -> list[Reference]:
    """Make the CarePlan of a section when its first order or goal was made; return it then, else nothing.

    What stands directly in the section becomes an activity or a goal of the plan, once all was converted.
    """
    section = place.section
    if section is None or place.section_code not in _PLANS or place.around is not None:
        return []
    known = len(cv.resources)
    plan = cv.shared("CarePlan", cv.xpath(section), section, lambda: _plan(cv, section))
    assert plan is not None
    if len(cv.resources) == known:
        return []
    cv.later.append(lambda: _fill(cv, cv.resource(plan), section))
    return [plan]


def _fill(cv: Conversion, plan: Resource, section: Element) -> None:
    for entry in children(section, "entry"):
        statement = statement_in(entry)
        reference = None if statement is None else cv.made_from.get(statement)
        element = None if reference is None else _ELEMENTS.get(cv.resource(reference)["resourceType"])
        if reference is not None and element is not None:
            put_reference(plan, element, reference)


def _plan(cv: Conversion, section: Element) -> Resource:
    resource: Resource = {
        "resourceType": "CarePlan",
        "status": "unknown",
        "intent": "plan",
        "subject": cv.subject,
    }
    st.put(resource, "encounter", cv.encounter)
    code = child(section, "code")
    st.add(resource, "category", None if code is None else codeable_concept(cv, code))
    title = child(section, "title")
    st.put(resource, "title", None if title is None else text_of(title))
    return resource
