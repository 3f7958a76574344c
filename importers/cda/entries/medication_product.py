"""Products: what is taken, given or dispensed, as a code or, with all that is said of it, as a Medication.

The elements of the pharmacy extension stand in three namespaces, by the age of the document.
Spec: https://hl7.org/fhir/R4/medication.html
"""

from __future__ import annotations

from typing import Any

from importers.cda import datatypes, extensions, people, text
from importers.cda.conversion import Conversion, Element, Resource
from importers.cda.entries import statement as st
from importers.cda.entries.meanings import is_known_absence, says_something
from importers.cda.xml import child, children, path, tag_of

_PREFIXES = ("pharm", "epsos", "hl7pharm")
_MATERIALS = ("manufacturedMaterial", "manufacturedLabeledDrug")
_ACTIVE = {"ACTI": True, "ACTIB": True, "ACTIM": True, "ACTIR": True, "IACT": False}
_FRAME = ("classCode", "determinerCode", "typeCode")

Concept = dict[str, Any]


def put_medication(cv: Conversion, resource: Resource, statement: Element, around: Resource | None) -> None:
    """Set `medication[x]`, which R4 requires.

    The product is a code, or a Medication where more is said of it than a code.  Without a product: what the
    statement's own code says of its absence, the product of the resource around, the words of the statement,
    or why there is none.
    """
    own = st.code(cv, statement)
    found = product(cv, statement, st.text_of(cv, statement))
    if found is None and is_known_absence(own):
        found = ("CodeableConcept", own)
    if found is None and around is not None and "vaccineCode" in around:
        found = ("CodeableConcept", around["vaccineCode"])
    if found is None and around is not None:
        found = next(
            (
                (name.removeprefix("medication"), value)
                for name, value in around.items()
                if name in ("medicationCodeableConcept", "medicationReference")
            ),
            None,
        )
    if found is None:
        words = st.text_of(cv, statement)
        found = ("CodeableConcept", {"text": words} if words else st.reasons(cv, _material(statement)))
        if not words:
            cv.issue("warning", "code", "The statement names no product.", statement)
    resource[f"medication{found[0]}"] = found[1]


def product(cv: Conversion, statement: Element, words: str | None = None) -> tuple[str, Any] | None:
    """Return the product: `("CodeableConcept", …)` or `("Reference", …)`; None if none is named.

    `words` stand for a product that has a form or a lot but neither a code nor a name.
    """
    material = _material(statement)
    if material is None:
        return None
    concept = product_code(cv, material)
    resource: Resource = {"resourceType": "Medication"}
    st.put(resource, "code", concept if says_something(concept) else None)
    holder = material.getparent()
    if holder is None:
        return None
    _put_details(cv, resource, material)
    _put_batch(cv, resource, material)
    for node in children(holder, "id"):
        st.add(resource, "identifier", datatypes.identifier(cv, node))
    maker = child(holder, "manufacturerOrganization")
    st.put(resource, "manufacturer", None if maker is None else people.organization(cv, maker))
    take_product_frame(cv, material)
    if len(resource) == 1:
        return None
    if resource.keys() == {"resourceType", "code"}:
        return ("CodeableConcept", concept)
    if "code" not in resource:
        st.put(resource, "code", {**(concept or {}), "text": words} if words else concept)
    return ("Reference", cv.add(resource, holder))


def product_code(cv: Conversion, material: Element) -> Concept | None:
    """Return the code of a product with all its translations; its name is the text, or stands beside it."""
    node, name = child(material, "code"), child(material, "name")
    concept = None if node is None else datatypes.codeable_concept(cv, node)
    words = None if name is None else _words(cv, name)
    if words is None:
        if name is not None:
            datatypes.masked(cv, name)
        return concept
    if concept is None or "text" not in concept:
        return {**(concept or {}), "text": words}
    if concept["text"] == words:
        return concept
    extension = extensions.own(cv.base, extensions.PRODUCT_NAME, "String", words)
    return {**concept, "extension": [*concept.get("extension", ()), extension]}


def _material(statement: Element) -> Element | None:
    for holder in children(statement, "consumable", "product"):
        for name in _MATERIALS:
            found = path(holder, f"manufacturedProduct/{name}")
            if found is not None:
                return found
    return None


def _put_details(cv: Conversion, resource: Resource, material: Element) -> None:
    for prefix in _PREFIXES:
        form = child(material, f"{prefix}:formCode")
        st.put(resource, "form", concept_of(cv, form, prefix))
        for node in children(material, f"{prefix}:ingredient"):
            st.add(resource, "ingredient", _ingredient(cv, node, prefix))
        for node in children(material, f"{prefix}:asSpecializedKind"):
            st.add(resource, "extension", _class(cv, node, prefix))
        for node in children(material, f"{prefix}:asContent"):
            _put_package(cv, resource, node, prefix)


def _put_batch(cv: Conversion, resource: Resource, material: Element) -> None:
    batch: dict[str, Any] = {}
    lot = child(material, "lotNumberText")
    st.put(batch, "lotNumber", None if lot is None else _words(cv, lot))
    for name in ("expirationTime", *(f"{prefix}:expirationTime" for prefix in _PREFIXES)):
        node = child(material, name)
        st.put(batch, "expirationDate", None if node is None else datatypes.date_time(cv, node))
    st.put(resource, "batch", batch)


def _ingredient(cv: Conversion, node: Element, prefix: str) -> dict[str, Any] | None:
    inner = child(node, f"{prefix}:ingredient")
    inner = child(node, f"{prefix}:ingredientSubstance") if inner is None else inner
    if inner is None:
        return None
    concept = concept_of(cv, child(inner, f"{prefix}:code"), prefix, child(inner, f"{prefix}:name"))
    kind = node.get("classCode")
    cv.take(node, "classCode")
    cv.take(inner, *_FRAME)
    strength = _ratio(cv, child(node, f"{prefix}:quantity"), prefix)
    if concept is None:
        if strength is None:
            return None
        concept = st.reasons(cv, child(inner, f"{prefix}:code"))
    ingredient: dict[str, Any] = {"itemCodeableConcept": concept}
    st.put(ingredient, "isActive", _ACTIVE.get(kind or ""))
    st.put(ingredient, "strength", strength)
    return ingredient


def _ratio(cv: Conversion, node: Element | None, prefix: str) -> dict[str, Any] | None:
    """Return a strength; its parts stand in the namespace of CDA or in that of the extension."""
    if node is None:
        return None
    ratio: dict[str, Any] = {}
    for name in ("numerator", "denominator"):
        part = child(node, name)
        part = child(node, f"{prefix}:{name}") if part is None else part
        quantity = datatypes.quantity(cv, part)
        st.put(ratio, name, quantity)
    if not any("value" in part for part in ratio.values()):
        return None
    cv.take(node)
    return ratio


def _class(cv: Conversion, node: Element, prefix: str) -> dict[str, Any] | None:
    for name in ("generalizedMedicineClass", "generalizedMaterialKind"):
        kind = child(node, f"{prefix}:{name}")
        if kind is None:
            continue
        concept = concept_of(cv, child(kind, f"{prefix}:code"), prefix, child(kind, f"{prefix}:name"))
        for frame in (node, kind):
            cv.take(frame, *_FRAME)
        if concept is not None:
            return extensions.own(cv.base, extensions.PRODUCT_CLASS, "CodeableConcept", concept)
    return None


def _put_package(cv: Conversion, resource: Resource, node: Element, prefix: str) -> None:
    """Add a package and those inside it, the outer first, each as an extension."""
    parts: dict[str, extensions.Value | None] = {}
    _put_part(parts, "quantity", "Quantity", datatypes.quantity(cv, child(node, f"{prefix}:quantity")))
    for name in ("containerPackagedMedicine", "containerPackagedProduct"):
        package = child(node, f"{prefix}:{name}")
        if package is None:
            continue
        for field in ("code", "formCode"):
            concept = concept_of(cv, child(package, f"{prefix}:{field}"), prefix)
            _put_part(parts, field.removesuffix("Code"), "CodeableConcept", concept)
        label = child(package, f"{prefix}:name")
        _put_part(parts, "label", "String", None if label is None else _words(cv, label))
        capacity = datatypes.quantity(cv, child(package, f"{prefix}:capacityQuantity"))
        _put_part(parts, "capacity", "Quantity", capacity)
        for frame in (node, package):
            cv.take(frame, *_FRAME)
    if any(parts.values()):
        st.add(resource, "extension", extensions.own_parts(cv.base, extensions.PRODUCT_PACKAGE, **parts))
    for package in node:
        for inner in children(package, f"{prefix}:asContent"):
            _put_package(cv, resource, inner, prefix)


def _put_part(parts: dict[str, extensions.Value | None], name: str, suffix: str, value: Any) -> None:
    if value:
        parts[name] = (suffix, value)


def concept_of(
    cv: Conversion, node: Element | None, prefix: str, name: Element | None = None
) -> Concept | None:
    """Return a coded element whose parts stand in the namespace of the extension; `name` is its text.

    None if it says nothing but why it says nothing.
    """
    concept = None if node is None else datatypes.codeable_concept(cv, node)
    result: Concept = dict(concept or {})
    for inner in () if node is None else node.iter(tag_of(f"{prefix}:translation")):
        coding = datatypes.coding(cv, inner)
        if coding and coding not in result.get("coding", ()):
            result["coding"] = [*result.get("coding", ()), coding]
    original = None if node is None else child(node, f"{prefix}:originalText")
    words = None if original is None else _referred(cv, original, prefix)
    words = words or (None if name is None else _words(cv, name))
    if words and "text" not in result:
        result["text"] = words
    return result if says_something(result) else None


def _referred(cv: Conversion, node: Element, prefix: str) -> str | None:
    pointer = child(node, f"{prefix}:reference")
    if pointer is None:
        return _words(cv, node)
    words = text.resolve(cv, pointer.get("value") or "", pointer)
    if words:
        cv.take(node)
        cv.take(pointer)
    return words


def _words(cv: Conversion, node: Element) -> str | None:
    words = text.text_of(node)
    if not words:
        return None
    cv.take(node, "text()")
    return words


def take_product_frame(cv: Conversion, material: Element) -> None:
    """Take what only frames a product: the elements around it by their classes, and template ids."""
    holder = material.getparent()
    around = None if holder is None else holder.getparent()
    for node in (material, holder, around):
        if node is not None:
            cv.take(node, *_FRAME)
            for template in children(node, "templateId"):
                cv.take(template)
