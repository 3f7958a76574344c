"""Dosage: how much of a product, when, by which way, as structured as the document says it.

Spec: https://hl7.org/fhir/R4/dosage.html
"""

from __future__ import annotations

from typing import Any

from importers.cda import datatypes, extensions, text
from importers.cda.conversion import Conversion, Element
from importers.cda.entries import statement as st
from importers.cda.entries.answers import nested, take_frame
from importers.cda.entries.meanings import code_for
from importers.cda.entries.medication_product import product
from importers.cda.entries.parts import Part
from importers.cda.xml import XSI_TYPE, attr, child, children, path

Dosage = dict[str, Any]

SUBORDINATE = "subordinate-dose"
"""The kind, in the tables, of a dose that is one step of a longer course."""


def dosages(
    cv: Conversion, statement: Element, times: list[Element], product_words: str | None = None
) -> list[Dosage]:
    """Return the dosages of a statement, in order: its own, then those of its subordinate doses.

    `times` are the effectiveTime elements that say when doses are due.  Several Timings that no dosage can
    hold become several dosages.  `product_words` name the product: as the text of the statement they are no
    dosage.
    """
    own = _own(cv, statement, times, product_words)
    steps = [part for part in nested(cv, statement) if part.kind == SUBORDINATE]
    numbered = sorted(enumerate(steps, 1), key=lambda step: (_sequence(step[1]) or step[0], step[0]))
    for position, part in numbered:
        number = _sequence(part) or position
        for dosage in _step(cv, part):
            own.append({"sequence": number, **dosage})
    instructions = _instructions(cv, statement)
    if instructions:
        own = own or [{}]
        own[0]["patientInstruction"] = instructions
    return own


def times_of(statement: Element) -> tuple[Element | None, list[Element]]:
    """Return the time that a whole statement covers (an interval or a moment, the first), and the others."""
    times = children(statement, "effectiveTime")
    whole = next((node for node in times if _is_whole(node)), None)
    return whole, [node for node in times if node is not whole]


def _is_whole(node: Element) -> bool:
    kind = (attr(node, "xsi:type") or "IVL_TS").rpartition(":")[2]
    return kind in ("IVL_TS", "TS") and attr(node, "operator") != "A" and child(node, "period") is None


def _own(
    cv: Conversion, statement: Element, times: list[Element], product_words: str | None = None
) -> list[Dosage]:
    shared: Dosage = {}
    words = st.text_of(cv, statement)
    st.put(shared, "text", words if words != product_words else None)
    timings = datatypes.timings(cv, times)
    _put_as_needed(cv, shared, statement)
    for name, element in (("site", "approachSiteCode"), ("route", "routeCode"), ("method", "methodCode")):
        node = child(statement, element)
        st.put(shared, name, None if node is None else datatypes.codeable_concept(cv, node))
    rate: dict[str, Any] = {}
    _put_amount(cv, rate, "dose", child(statement, "doseQuantity"))
    _put_amount(cv, rate, "rate", child(statement, "rateQuantity"))
    st.put(shared, "doseAndRate", [rate] if rate else None)
    limit = child(statement, "maxDoseQuantity")
    st.put(shared, "maxDosePerPeriod", None if limit is None else datatypes.ratio(cv, limit))
    if not timings:
        return [shared] if shared else []
    return [{**shared, "timing": timing} for timing in timings]


def _put_amount(cv: Conversion, rate: dict[str, Any], name: str, node: Element | None) -> None:
    """Set dose[x] or rate[x]: a range where bounds are given, else a quantity without comparator."""
    if node is None:
        return
    for words in (each for part in (node, *node) for each in children(part, "translation")):
        if words.get("value") is None and words.get("code") is None:
            cv.leave(words, "only words for the amount, which stand in the narrative")
    if child(node, "low") is not None or child(node, "high") is not None:
        st.put(rate, f"{name}Range", datatypes.range_(cv, node))
    else:
        st.put(rate, f"{name}Quantity", datatypes.quantity(cv, node))


def single_amount(cv: Conversion, node: Element | None) -> dict[str, Any] | None:
    """Return a dose as one Quantity: also an interval whose bounds are equal; None for another interval."""
    if node is None:
        return None
    low, high = child(node, "low"), child(node, "high")
    if low is None and high is None:
        return datatypes.quantity(cv, node)
    if (
        low is None
        or high is None
        or [low.get(name) for name in _AMOUNT] != [high.get(name) for name in _AMOUNT]
    ):
        return None
    cv.take(high, *_AMOUNT, XSI_TYPE)
    cv.take(node, XSI_TYPE)
    return datatypes.quantity(cv, low)


def amount_between(cv: Conversion, node: Element | None, url: str) -> dict[str, Any] | None:
    """Return an extension with the bounds of a dose that is no single amount; None if none has a value."""
    bounds = () if node is None else children(node, "low", "high")
    if all(attr(bound, "value") is None for bound in bounds):
        return None
    found = datatypes.range_(cv, node)
    return None if found is None else extensions.own(cv.base, url, "Range", found)


_AMOUNT = ("value", "unit")


def _put_as_needed(cv: Conversion, dosage: Dosage, statement: Element) -> None:
    for node in children(statement, "precondition"):
        criterion = child(node, "criterion")
        if criterion is None:
            continue
        concept = _condition(cv, criterion)
        if concept is None:
            continue
        if _says_only_that(concept):
            if "asNeededCodeableConcept" not in dosage:
                dosage["asNeededBoolean"] = True
        elif "asNeededCodeableConcept" in dosage:
            cv.issue("warning", "structure", "R4 has one condition for a dose; another is not carried.", node)
            return
        else:
            dosage.pop("asNeededBoolean", None)
            dosage["asNeededCodeableConcept"] = concept
        for frame in (node, criterion):
            cv.take(frame, "typeCode", "classCode", "moodCode")
            for template in children(frame, "templateId"):
                cv.take(template)


def _says_only_that(concept: dict[str, Any]) -> bool:
    """Return whether a condition says that there is one, and not which."""
    bare = code_for("says-nothing", concept) is not None
    return bare and len(concept["coding"]) == 1 and "text" not in concept


def _condition(cv: Conversion, criterion: Element) -> dict[str, Any] | None:
    concept: dict[str, Any] = {}
    for name in ("value", "code"):
        node = child(criterion, name)
        found = None if node is None else datatypes.codeable_concept(cv, node)
        if found and not concept.get("coding"):
            concept = {**concept, **found}
        elif found and found.get("coding"):
            concept["coding"] = [*concept["coding"], *found["coding"]]
    words = text.said(cv, child(criterion, "text"))
    if words and "text" not in concept:
        concept["text"] = words
    return concept or None


def _step(cv: Conversion, part: Part) -> list[Dosage]:
    found = _own(cv, part.statement, children(part.statement, "effectiveTime"))
    if product(cv, part.statement) is not None:
        cv.issue("warning", "structure", "A step of a course names a product of its own.", part.statement)
    take_frame(cv, part.statement)
    number = child(part.link, "sequenceNumber")
    if number is not None:
        cv.take(number)
    for material in _materials(part.statement):
        cv.take_all(material)
    return found


def _materials(statement: Element) -> list[Element]:
    """Return the consumable that only repeats, with null flavors, that there is nothing to say."""
    return [
        node
        for node in children(statement, "consumable")
        if not any(each.get("code") or (each.text or "").strip() for each in node.iter())
    ]


def _sequence(part: Part) -> int | None:
    value = attr(child(part.link, "sequenceNumber"), "value") or ""
    return int(value) if value.isdecimal() and int(value) > 0 else None


def _instructions(cv: Conversion, statement: Element) -> str | None:
    return instructions(cv, statement, "patient-instruction")


def instructions(cv: Conversion, statement: Element, kind: str) -> str | None:
    """Return the words of the instruction acts of a kind inside a statement, and take the acts."""
    words: list[str] = []
    for part in nested(cv, statement):
        if part.kind != kind:
            continue
        said = st.text_of(cv, part.statement) or st.words_in(cv, part.statement)
        if said and said not in words:
            words.append(said)
        if said:
            take_frame(cv, part.statement)
    return "\n".join(words) or None


def without_product(statement: Element) -> bool:
    """Return whether a statement only says how to dose: its product is named by the statement around."""
    material = path(statement, "consumable/manufacturedProduct/manufacturedMaterial")
    return material is None or not _materials_named(material)


def _materials_named(material: Element) -> bool:
    return any(each.get("code") or (each.text or "").strip() for each in material.iter())
