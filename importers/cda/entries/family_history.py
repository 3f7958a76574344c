"""Family history: one FamilyMemberHistory for each relative, with what the relative had or has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import boolean, code_of, codeable_concept, date, identifier, integer, quantity
from importers.cda.datatypes.absence import ABSENT
from importers.cda.entries import statement as st
from importers.cda.entries.moments import period_of, start_of
from importers.cda.entries.nested import convert_part
from importers.cda.entries.observation import observation
from importers.cda.entries.parts import Part, parts_of, take_statement
from importers.cda.entries.place import Place
from importers.cda.entries.remarks import remarks
from importers.cda.entries.subjects import gender_of
from importers.cda.text import text_of
from importers.cda.xml import child, children, path

STATUS: Mapping[str, str] = {
    "completed": "completed",
    "normal": "completed",
    "active": "partial",
    "nullified": "entered-in-error",
}
"""ActStatus → FamilyHistoryStatus.  Spec: http://hl7.org/fhir/R4/valueset-history-status.html"""

_AGE_SYSTEM = "http://unitsofmeasure.org"
_DIED = frozenset({"419099009", "DECEASED", "DEAD"})
CONDITION = "family-condition"
AGE = "age"
DEATH = "family-death"


def family_history(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make the history of one relative.

    What the relative is said not to have is no `condition`: it is an Observation about the relative
    (`focus`) with the finding denied.
    """
    resource = st.start(cv, statement, "FamilyMemberHistory", "patient")
    resource["status"] = st.status(cv, statement, STATUS, "health-unknown")
    _put_relative(cv, resource, statement)
    st.put(resource, "date", start_of(cv, child(statement, "effectiveTime")))
    for note in remarks(cv, statement, resource):
        st.add(resource, "note", note)
    reference = cv.add(resource, statement)
    cv.made_from[statement] = reference
    for part in parts_of(statement):
        if part.kind == CONDITION and not cv.is_used(part.statement):
            _put_condition(cv, resource, reference, part, statement, place)
    return [reference]


def condition_alone(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make an Observation of a finding in a family that stands outside of any relative's history."""
    return observation(cv, statement, place)


def _put_relative(cv: Conversion, resource: Resource, statement: Element) -> None:
    who = path(statement, "subject/relatedSubject")
    code = None if who is None else child(who, "code")
    concept = None if code is None else codeable_concept(cv, code)
    resource["relationship"] = concept or {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    holder = child(statement, "subject")
    if holder is None or who is None:
        return
    cv.take(holder, "typeCode", "contextControlCode")
    for template in children(holder, "templateId"):
        cv.take(template)
    cv.take(who, "classCode")
    person = child(who, "subject")
    if person is not None:
        _put_person(cv, resource, person)


def _put_person(cv: Conversion, resource: Resource, person: Element) -> None:
    for node in children(person, "sdtc:id"):
        st.add(resource, "identifier", identifier(cv, node))
    name = child(person, "name")
    words = "" if name is None else text_of(name)
    if name is not None and words:
        cv.take_all(name)
        resource["name"] = words
    gender = gender_of(cv, person)
    if gender is not None:
        coding = {"system": "http://hl7.org/fhir/administrative-gender", "code": gender}
        resource["sex"] = {"coding": [coding]}
    birth = child(person, "birthTime")
    st.put(resource, "bornDate", None if birth is None else date(cv, birth))
    died = child(person, "sdtc:deceasedTime")
    moment = None if died is None else date(cv, died)
    flag = child(person, "sdtc:deceasedInd")
    if moment:
        resource["deceasedDate"] = moment
    elif flag is not None:
        found = boolean(cv, flag)
        if found is not None:
            resource["deceasedBoolean"] = found


def _put_condition(
    cv: Conversion,
    resource: Resource,
    reference: Reference,
    part: Part,
    around: Element,
    place: Place,
) -> None:
    node = part.statement
    if st.is_negated(cv, node):
        for made in convert_part(cv, part, around, reference, place):
            st.add(cv.resource(made), "focus", reference)
        return
    take_statement(cv, node)
    value = child(node, "value")
    concept = None if value is None else codeable_concept(cv, value)
    kind = st.code(cv, node)
    item: dict[str, Any] = {"code": concept or kind or st.code_or_absent(cv, node)}
    if concept and kind:
        _put_kind(item, kind)
    st.put(item, "note", [*item.get("note", ()), *remarks(cv, node, item)])
    for each in children(node, "id"):
        cv.leave(each, "a condition of a relative has no identifier")
    status = child(node, "statusCode")
    if status is not None:
        cv.take(status)
    for inner in parts_of(node):
        _put_detail(cv, resource, item, inner)
    if "onsetAge" not in item:
        st.put(item, "onsetPeriod", period_of(cv, child(node, "effectiveTime")))
    st.add(resource, "condition", item)
    cv.made_from[node] = reference


def _put_kind(item: dict[str, Any], kind: dict[str, Any]) -> None:
    """Keep what sort of finding it is (a problem, a diagnosis …) among the words of the condition."""
    named = [coding.get("display") for coding in kind.get("coding", ())]
    words = kind.get("text") or next(filter(None, named), None)
    if words:
        st.add(item, "note", {"text": words})


def _put_detail(cv: Conversion, resource: Resource, item: dict[str, Any], part: Part) -> None:
    """Read the age at onset, or that the relative died of it, from an observation inside."""
    value = child(part.statement, "value")
    if value is None or part.kind not in (AGE, DEATH) or part.is_denied:
        return
    if part.kind == DEATH and code_of(value) not in _DIED:
        return
    take_statement(cv, part.statement)
    for each in children(part.statement, "code", "statusCode"):
        cv.take_all(each)
    if part.kind == DEATH or code_of(value) in _DIED:
        item["contributedToDeath"] = True
        cv.take_all(value)
        if not any(name.startswith("deceased") for name in resource):
            resource["deceasedBoolean"] = True
        return
    age = quantity(cv, value) or _years(cv, value)
    if age:
        item["onsetAge"] = {**age, "system": _AGE_SYSTEM} if age.get("code") else age


def _years(cv: Conversion, value: Element) -> dict[str, Any] | None:
    number = integer(cv, value)
    return None if number is None else {"value": number}


MAPPERS = {"family-history": family_history, CONDITION: condition_alone}
