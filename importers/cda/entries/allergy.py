"""Allergies and intolerances, and what is known of their absence.

Spec: https://hl7.org/fhir/R4/allergyintolerance.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda import datatypes, extensions
from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.entries import statement as st
from importers.cda.entries.answers import answer, nested, take_frame
from importers.cda.entries.concern import Concern, concern_of, offered, put_concern_period
from importers.cda.entries.engine import Mapper
from importers.cda.entries.meanings import (
    code_for,
    is_known_absence,
    meaning,
    says_something,
    with_code,
)
from importers.cda.entries.notes import notes, notes_beside, put_notes
from importers.cda.entries.parts import Part
from importers.cda.entries.place import Place
from importers.cda.entries.verification import is_refuted, verification
from importers.cda.text import text_of
from importers.cda.xml import XSI_TYPE, child, children, path

_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"

Concept = dict[str, Any]


def allergy(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Return the AllergyIntolerance that an observation states; nothing for one cancelled or aborted."""
    if st.state_of(statement) in st.UNFINISHED:
        return []
    resource = st.start(cv, statement, "AllergyIntolerance", subject="patient", encounter="encounter")
    around = concern_of(cv, place)
    parts = [*nested(cv, statement), *offered(cv, around)]
    _put_code(cv, resource, statement, place)
    _put_verification(cv, resource, statement, parts)
    _put_clinical_status(cv, resource, statement, parts, around)
    _put_criticality(cv, resource, statement, parts)
    when = st.when(cv, child(statement, "effectiveTime"))
    if when is not None:
        resource[f"onset{when[0]}"] = when[1]
    for part in parts:
        if part.relation == "MFST" and not st.says_no(part.statement):
            st.add(resource, "reaction", _reaction(cv, part.statement))
    _put_severity(cv, resource, answer(cv, parts, "severity"), exact=False)
    st.record(cv, resource, statement, place)
    put_concern_period(cv, resource, statement, around)
    concepts = (resource["code"], st.code(cv, statement))
    put_notes(resource, notes_beside(cv, statement, around.act if around else None, *concepts))
    for node in children(statement, "statusCode"):
        cv.take(node)
    return [cv.add(resource, statement)]


def _put_code(cv: Conversion, resource: Resource, statement: Element, place: Place) -> None:
    """Set what it is an allergy to, its type and its categories.

    The agent is the code; a known absence, or an agent that only `value` names, is `value`.  No agent is made
    up: without one the code is the words, those of the section where the statement stands alone in it, or why
    there is none.
    """
    kind, node = st.code(cv, statement), child(statement, "value")
    value = None if node is None else datatypes.codeable_concept(cv, node)
    if node is not None:
        cv.take(node, XSI_TYPE)
    agent = _agent(cv, statement)
    for concept in (kind, value):
        _put_kind(resource, concept)
    if is_known_absence(value) or (not says_something(agent) and says_something(value)):
        agent, value = value, agent
    if not says_something(agent):
        words = st.text_of(cv, statement) or _words_of_section(cv, statement, place)
        agent = {**(agent or value or {}), **({"text": words} if words else {})}
        value = None
    resource["code"] = agent or st.reasons(cv, node)
    said = ((extensions.STATEMENT_CODE, kind), (extensions.STATEMENT_VALUE, value))
    for name, concept in said:
        if says_something(concept) and concept != agent and code_for("says-nothing", concept) is None:
            st.add(resource, "extension", extensions.own(cv.base, name, "CodeableConcept", concept))


def _words_of_section(cv: Conversion, statement: Element, place: Place) -> str | None:
    """Return the narrative of a section whose only statement says nothing itself."""
    section = place.section
    narrative = None if section is None else child(section, "text")
    if section is None or narrative is None or child(statement, "text") is None:
        return None
    around = [each for each in (section, place.around) if each is not None]
    inside = (children(each, "entry", "entryRelationship") for each in around)
    words = text_of(narrative) if all(len(each) == 1 for each in inside) else ""
    if not words:
        return None
    cv.issue(
        "information", "reference", "The words of the section stand for those of its statement.", statement
    )
    return cv.repeat(words)


def _put_kind(resource: Resource, concept: Concept | None) -> None:
    resource.setdefault("type", code_for("allergy-type", concept))
    if resource["type"] is None:
        del resource["type"]
    st.add(resource, "category", code_for("allergy-category", concept))


def _agent(cv: Conversion, statement: Element) -> Concept | None:
    """Return the first agent that a participant names, by its code and its name."""
    for node in children(statement, "participant"):
        entity = path(node, "participantRole/playingEntity")
        if entity is None or node.get("typeCode") not in ("CSM", None):
            continue
        code, name = child(entity, "code"), child(entity, "name")
        concept = None if code is None else datatypes.codeable_concept(cv, code)
        words = None if name is None else text_of(name)
        if name is not None and words:
            cv.take(name)
            concept = _with_name(cv, concept, words)
        for frame in (node, *children(node, "participantRole"), entity):
            cv.take(frame, "typeCode", "classCode", "determinerCode", "contextControlCode")
        if concept is not None:
            return concept
    return None


def _with_name(cv: Conversion, concept: Concept | None, words: str) -> Concept:
    """Return a concept with the name of what it codes: its text, or an extension beside other words."""
    if concept is None or "text" not in concept:
        return {**(concept or {}), "text": words}
    if concept["text"] == words:
        return concept
    name = extensions.own(cv.base, extensions.PRODUCT_NAME, "String", words)
    return {**concept, "extension": [*concept.get("extension", ()), name]}


def _put_verification(cv: Conversion, resource: Resource, statement: Element, parts: list[Part]) -> None:
    """Set the verification status; a certainty without a code of R4 is kept and reported."""
    status, said = verification(cv, statement, parts, "allergy-verification", _VERIFICATION)
    if status is not None:
        resource["verificationStatus"] = status
    elif says_something(said):
        cv.issue("warning", "code", "The certainty has no code of R4.", statement)
        resource["verificationStatus"] = said


def _put_clinical_status(
    cv: Conversion, resource: Resource, statement: Element, parts: list[Part], around: Concern | None
) -> None:
    """Set the clinical status, which R4 demands (ait-1) unless it was an error: unknown if not said."""
    said = answer(cv, parts, "problem-status")
    found = meaning("allergy-clinical", said)
    code = found.code if found else _of_concern(statement, around)
    if found is None and code == "active" and is_refuted(resource):
        code = None
    if resource.get("verificationStatus", {}).get("coding", [{}])[0].get("code") == "entered-in-error":
        return
    if found is None and says_something(said):
        cv.issue("warning", "code", "The status of the allergy has no code of R4.", statement)
    if code is None:
        resource["clinicalStatus"] = {**(said or {}), "extension": [st.absent(None)]}
    else:
        resource["clinicalStatus"] = with_code(said, _CLINICAL, code)


def _of_concern(statement: Element, around: Concern | None) -> str | None:
    """Return the status that a concern gives; one that is completed without an end resolved nothing."""
    if around is None or around.clinical != "resolved":
        return None if around is None else around.clinical
    return "resolved" if st.has_end(statement) or not around.is_open else None


def _put_criticality(cv: Conversion, resource: Resource, statement: Element, parts: list[Part]) -> None:
    said = answer(cv, parts, "criticality")
    code = code_for("criticality", said)
    st.put(resource, "criticality", code)
    if code is None and says_something(said):
        cv.issue("warning", "code", "The criticality has no code of R4.", statement)


def _put_severity_extension(cv: Conversion, holder: dict[str, Any], concept: Concept) -> None:
    extension = extensions.own(cv.base, extensions.SEVERITY, "CodeableConcept", concept)
    st.add(holder, "extension", extension)


def _reaction(cv: Conversion, observation: Element) -> dict[str, Any]:
    """Return a reaction; the observation is part of the allergy, no condition of its own."""
    node = child(observation, "value")
    manifestation = None if node is None else datatypes.codeable_concept(cv, node)
    if not says_something(manifestation):
        words = st.text_of(cv, observation)
        manifestation = {**(manifestation or {}), "text": words} if words else manifestation
    reaction: dict[str, Any] = {"manifestation": [manifestation or st.reasons(cv, node)]}
    when = st.when(cv, child(observation, "effectiveTime"))
    if when is not None and when[0] == "DateTime":
        reaction["onset"] = when[1]
    elif when is not None and isinstance(when[1], dict):
        st.put(reaction, "onset", when[1].get("start"))
        st.put(reaction, "_onset", when[1].get("_start"))
    parts = nested(cv, observation)
    _put_severity(cv, reaction, answer(cv, parts, "severity"), exact=True)
    for note in notes(cv, observation):
        if note["text"] != reaction["manifestation"][0].get("text"):
            st.add(reaction, "note", note)
    take_frame(cv, observation)
    return reaction


def _put_severity(cv: Conversion, holder: dict[str, Any], said: Concept | None, exact: bool) -> None:
    """Set the severity of a reaction; what is finer than R4, or of the allergy itself, is an extension."""
    if not says_something(said) or said is None:
        return
    found = meaning("severity", said)
    if exact and found is not None:
        holder["severity"] = found.code
    if not exact or found is None or not found.is_exact:
        _put_severity_extension(cv, holder, said)


MAPPERS: Mapping[str, Mapper] = {"allergy": allergy}
