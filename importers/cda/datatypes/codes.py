"""CD, CE, CV, CO and CS as Coding, CodeableConcept and code.

Spec: https://hl7.org/fhir/R4/datatypes.html#codeableconcept
"""

from __future__ import annotations

from typing import Any

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes.absence import absent
from importers.cda.extensions import QUALIFIER, own_parts
from importers.cda.realm import realm_of
from importers.cda.text import said
from importers.cda.vocabulary import misplaced, national_systems, system_of
from importers.cda.xml import XSI_TYPE, attr, child, children

Coding = dict[str, Any]
CodeableConcept = dict[str, Any]

_CARRIED = ("code", "codeSystem", "codeSystemName", "displayName", "codeSystemVersion", XSI_TYPE)
_CARRIED_WITHOUT_SYSTEM = ("code", "displayName", XSI_TYPE)


def code_of(node: Element | None) -> str | None:
    """Return the code of an element, None if there is none; marks nothing."""
    return attr(node, "code")


def code(cv: Conversion, node: Element | None) -> str | None:
    """Return the code of a CS element and mark it as carried over."""
    if node is None:
        return None
    found = attr(node, "code")
    if found is not None:
        cv.take(node, "code", XSI_TYPE)
    return found


def coding(cv: Conversion, node: Element | None) -> Coding | None:
    """Return the code of an element itself as a Coding, without its translations; None if it has none."""
    if node is None:
        return None
    given = attr(node, "code")
    display = attr(node, "displayName")
    if given is None and display is None:
        return None
    result: Coding = {}
    system = _system(cv, node, given)
    if system is not None:
        result["system"] = system
    version = None if system is None else attr(node, "codeSystemVersion")
    if version is not None:
        result["version"] = version
    if given is not None:
        result["code"] = " ".join(given.split())
    if display is not None:
        result["display"] = " ".join(display.split())
    cv.take(node, *(_CARRIED_WITHOUT_SYSTEM if system is None else _CARRIED))
    return result


def codeable_concept(cv: Conversion, node: Element | None) -> CodeableConcept | None:
    """Return a coded element with all its translations and its own words.

    A nullFlavor stands as an extension; None if there is neither code, nor words, nor nullFlavor.
    """
    if node is None:
        return None
    is_leaf = not len(node)
    codings = _codings(cv, node)
    words = None if is_leaf else said(cv, child(node, "originalText"))
    result: CodeableConcept = absent(cv, node) or {}
    if codings:
        result["coding"] = codings
    if words is not None:
        result["text"] = words
    if not result:
        return None
    if not is_leaf:
        _qualify(cv, node, result)
    cv.take(node, XSI_TYPE)
    return result


def _qualify(cv: Conversion, node: Element, result: CodeableConcept) -> None:
    """Add what refines the code (a side, a grade): each qualifier as an extension with its name and value."""
    for each in children(node, "qualifier"):
        parts: dict[str, tuple[str, Any]] = {}
        for name, part in _PARTS.items():
            concept = codeable_concept(cv, child(each, name))
            if concept is not None:
                parts[part] = ("CodeableConcept", concept)
        if "value" in parts:
            extension = own_parts(cv.base, QUALIFIER, **parts)
            result["extension"] = [*result.get("extension", ()), extension]
            cv.take(each, "inverted")


_PARTS = {"name": "attribute", "value": "value"}
"""Element of a qualifier → part of the extension."""


def _codings(cv: Conversion, node: Element) -> list[Coding]:
    """Return the code of an element and those of its translations, each once."""
    if not len(node):
        own = coding(cv, node)
        return [] if own is None else [own, *_national(cv, own)]
    found: dict[str, Coding] = {}
    _collect(cv, node, found)
    return list(found.values())


def _collect(cv: Conversion, node: Element, codings: dict[str, Coding]) -> None:
    own = coding(cv, node)
    if own is not None:
        for each in (own, *_national(cv, own)):
            codings.setdefault(repr(each), each)
    for translation in children(node, "translation"):
        _collect(cv, translation, codings)
        if attr(translation, "nullFlavor") is not None and attr(translation, "code") is None:
            cv.leave(translation, "a translation without a code")
        elif child(translation, "originalText") is not None:
            said(cv, child(translation, "originalText"))


def _national(cv: Conversion, own: Coding) -> tuple[Coding, ...]:
    """Return the same code under the name that the realm of the document has for its system, if any."""
    names = national_systems().get(own.get("system", ""))
    name = None if names is None or "code" not in own else names.get(realm_of(cv))
    return () if name is None else ({**own, "system": name},)


def _system(cv: Conversion, node: Element, given: str | None) -> str | None:
    """Return the URI of the system of a code; None if the element names none that can be told."""
    name = attr(node, "codeSystem")
    if name is None:
        return None
    right = misplaced(name, given) if given is not None else None
    if right is not None:
        text = f"A code does not belong to the system {name} that it names but to {right}."
        cv.issue("warning", "code", text, node)
    system = system_of(right or name)
    if system is None:
        cv.issue("warning", "code", "A codeSystem is neither an OID nor a URI.", node)
        return None
    if system.is_typo:
        cv.issue("warning", "code", f"The OID {name} is a known slip for {system.uri}.", node)
    return system.uri
