"""Problems, diagnoses and findings: observations that state a condition of the person.

Spec: https://hl7.org/fhir/R4/condition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from importers.cda import datatypes, extensions
from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.entries import statement as st
from importers.cda.entries.answers import answer, nested
from importers.cda.entries.concern import Concern, concern_of, offered, put_concern_period
from importers.cda.entries.engine import Mapper
from importers.cda.entries.internal import internal_references
from importers.cda.entries.linking import put_reference
from importers.cda.entries.meanings import code_for, is_known_absence, meaning, says_something, with_code
from importers.cda.entries.notes import notes_beside, put_notes
from importers.cda.entries.parts import Part
from importers.cda.entries.place import Place
from importers.cda.entries.verification import is_refuted, verification
from importers.cda.section_names import holds_active_problems
from importers.cda.xml import child, children

_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
_OVER = frozenset({"inactive", "remission", "resolved"})

_SECTION_CATEGORIES: Mapping[str, str] = {
    "11450-4": "problem-list-item",
    "11535-2": "encounter-diagnosis",
    "46241-6": "encounter-diagnosis",
    "42347-5": "encounter-diagnosis",
    "C-CDAV2-DDN": "encounter-diagnosis",
}
"""Code of a section (LOINC, or what stands in its place) → category of the conditions in it."""


def problem(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Return the Condition that a problem observation states.

    A value that is neither coded nor in words (a quantity …) states no condition, nor does a statement that
    was cancelled or aborted: nothing is returned and the statement becomes an Observation.
    """
    code = None if st.state_of(statement) in st.UNFINISHED else _code(cv, statement)
    if code is None:
        return []
    resource = st.start(cv, statement, "Condition", encounter="encounter")
    around = _concern(cv, statement, place)
    parts = [*nested(cv, statement), *offered(cv, around)]
    resource["code"] = code
    _put_category(cv, resource, statement, place)
    _put_verification(cv, resource, statement, parts)
    ended = _put_clinical_status(cv, resource, statement, parts, around)
    _put_times(cv, resource, statement, ended)
    st.put(resource, "severity", answer(cv, parts, "severity"))
    for node in children(statement, "targetSiteCode"):
        st.add(resource, "bodySite", datatypes.codeable_concept(cv, node))
    st.record(cv, resource, statement, place)
    put_concern_period(cv, resource, statement, around)
    _put_notes(cv, resource, statement, around)
    _take_status(cv, statement)
    reference = cv.add(resource, statement)
    internal_references(cv, statement, lambda target, _: _refer(cv, reference, target))
    return [reference]


def _concern(cv: Conversion, statement: Element, place: Place) -> Concern | None:
    """Return the concern around a problem.

    One that is completed without an end, in a section of what is active, was not ended by that.
    """
    around = concern_of(cv, place)
    if around is None or around.clinical not in _OVER or not around.is_open:
        return around
    if not holds_active_problems(place.section_templates) or st.has_end(statement):
        return around
    text = "A concern is completed and has no end, in a section of active problems: taken as active."
    cv.issue("information", "code", text, around.act)
    return replace(around, clinical="active")


def _code(cv: Conversion, statement: Element) -> dict[str, Any] | None:
    node = child(statement, "value")
    found = None if node is None else datatypes.value(cv, node)
    if found is not None and found[0] == "String":
        return {"text": found[1]}
    if found is not None and found[0] != "CodeableConcept":
        return None
    concept = None if node is None else datatypes.codeable_concept(cv, node)
    if says_something(concept):
        return concept
    words = st.text_of(cv, statement)
    if words:
        return {**(concept or {}), "text": words}
    own = child(statement, "code")
    if concept is None and own is not None and node is None:
        concept = datatypes.codeable_concept(cv, own)
    return concept or st.reasons(cv, node)


def _put_category(cv: Conversion, resource: Resource, statement: Element, place: Place) -> None:
    absent = is_known_absence(resource["code"])
    category = _SECTION_CATEGORIES.get(place.section_code or "")
    if category is not None and not absent:
        st.add(resource, "category", {"coding": [{"system": _CATEGORY, "code": category}]})
    kind = st.code(cv, statement)
    if kind != resource["code"] and says_something(kind) and code_for("says-nothing", kind) is None:
        st.add(resource, "category", kind)


def _put_verification(cv: Conversion, resource: Resource, statement: Element, parts: list[Part]) -> None:
    """Set the verification status; a certainty without a code of R4 is kept and reported."""
    status, said = verification(cv, statement, parts, "condition-verification", _VERIFICATION)
    if status is not None:
        resource["verificationStatus"] = status
    elif says_something(said):
        cv.issue("warning", "code", "The certainty has no code of R4; its words alone are kept.", statement)
        st.add(resource, "note", {"text": _words(said)})


def _put_clinical_status(
    cv: Conversion, resource: Resource, statement: Element, parts: list[Part], around: Concern | None
) -> bool:
    """Set the clinical status and return whether R4 allows an end beside it (con-4).

    Its own status observation tells; without one, an end of the problem does, then the concern: a concern can
    be followed after its problem ended.  Without any of them there is none.  What is denied is not active for
    being followed: who looks for active problems must not find it.
    """
    said = answer(cv, parts, "problem-status")
    found = meaning("condition-clinical", said)
    code = None if found is None else found.code
    if code is None:
        code = "resolved" if st.has_end(statement) else around.clinical if around else None
        code = None if is_refuted(resource) and code == "active" else code
        if says_something(said):
            cv.issue("warning", "code", "The status of the problem has no code of R4.", statement)
    if resource.get("verificationStatus", {}).get("coding", [{}])[0].get("code") == "entered-in-error":
        return False
    if code is not None:
        resource["clinicalStatus"] = with_code(said, _CLINICAL, code)
    return code in _OVER


def _put_times(cv: Conversion, resource: Resource, statement: Element, ended: bool) -> None:
    """Set onset and abatement; an end beside a status that R4 does not allow with it is an extension."""
    node = child(statement, "effectiveTime")
    when = st.when(cv, node)
    if node is None or when is None:
        return
    if when[0] == "DateTime":
        resource["onsetDateTime"] = when[1]
        return
    period = when[1]
    if "extension" in period:
        resource["_onsetDateTime"] = {"extension": period["extension"]}
    for end, name in (("start", "onsetDateTime"), ("end", "abatementDateTime")):
        if end == "end" and not ended:
            continue
        st.put(resource, name, period.get(end))
        st.put(resource, f"_{name}", period.get(f"_{end}"))
    if not ended and ("end" in period or "_end" in period):
        rest = {key: value for key, value in period.items() if key in ("end", "_end")}
        if "end" in rest:
            cv.issue("warning", "date", "An end stands beside a status that R4 allows none with.", node)
        extension = extensions.own(cv.base, extensions.EFFECTIVE_PERIOD, "Period", rest)
        st.add(resource, "extension", extension)


def _put_notes(cv: Conversion, resource: Resource, statement: Element, around: Concern | None) -> None:
    concepts = [resource["code"], *resource.get("category", ())]
    put_notes(resource, notes_beside(cv, statement, around.act if around else None, *concepts))


def _take_status(cv: Conversion, statement: Element) -> None:
    for node in children(statement, "statusCode"):
        cv.take(node)


def _refer(cv: Conversion, reference: Reference, target: Reference) -> None:
    if target != reference:
        put_reference(cv.resource(reference), "evidence.detail", target)


def _words(concept: Mapping[str, Any] | None) -> str:
    codings = (concept or {}).get("coding", ())
    words = [coding.get("display") or coding.get("code") for coding in codings]
    return str((concept or {}).get("text") or " ".join(filter(None, words)))


MAPPERS: Mapping[str, Mapper] = {"problem": problem}
