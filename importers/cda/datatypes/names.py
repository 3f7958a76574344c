"""PN, ON and TN as HumanName: one name of CDA may hold several of FHIR.

A part says by its qualifier to which name it belongs (table `name_part`).  Where a name at birth has its own
first name, given names without a qualifier are the list of all names at birth.
Spec: https://hl7.org/fhir/R4/datatypes.html#humanname
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes.absence import absent, is_masked, masked
from importers.cda.datatypes.times import period
from importers.cda.text import text_of
from importers.cda.vocabulary import value_map
from importers.cda.xml import XSI_TYPE, attr, child, children, local, own_words

HumanName = dict[str, Any]

_QUALIFIER: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier"
_PARTS: Final = ("family", "given", "prefix", "suffix")
_LISTED: Final = frozenset({"given", "prefix", "suffix"})
_NAMES: Final = ("official", "usual")


def human_names(cv: Conversion, node: Element | None) -> list[HumanName]:
    """Return the names that one `name` element holds, the one at birth first; empty if it says nothing."""
    if node is None:
        return []
    parts = [part for part in children(node, *_PARTS) if own_words(part)]
    if not parts:
        hidden = None if text_of(node) else _hidden_family(cv, node)
        return _unstructured(cv, node) if hidden is None else [{"_family": hidden}]
    cv.take(node, XSI_TYPE, "text()")
    for delimiter in children(node, "delimiter"):
        cv.take(delimiter)
    names = _split(cv, parts) if any(_owner(part) for part in parts) else [_name(cv, parts)]
    uses = (attr(node, "use") or "").split()
    use = next((found for found in map(value_map("name_use").get, uses) if found), None)
    validity = period(cv, child(node, "validTime"))
    if use is not None and len(names) == 1:
        names[0] = {"use": use, **names[0]}
    if use is not None:
        cv.take(node, "use")
    if validity is not None:
        for name in names:
            name["period"] = validity
    hidden = None if "family" in names[0] else _hidden_family(cv, node)
    if hidden is not None:
        names[0]["_family"] = hidden
    return names


def _hidden_family(cv: Conversion, node: Element) -> dict[str, Any] | None:
    """Return the element without value for a family name that is there but masked."""
    hidden = (part for part in children(node, "family") if is_masked(part) and not own_words(part))
    return absent(cv, next(hidden, None))


def plain_name(cv: Conversion, node: Element | None) -> str | None:
    """Return the name of an organisation, a place or a device as one line; marks it with all its parts."""
    if node is None:
        return None
    words = text_of(node)
    if not words:
        return None
    cv.take(node)
    for part in children(node):
        cv.take(part)
    return words


def _unstructured(cv: Conversion, node: Element) -> list[HumanName]:
    words = text_of(node)
    if words:
        cv.take(node, "text()", XSI_TYPE)
        return [{"text": words}]
    hidden = masked(cv, node)
    return [] if hidden is None else [hidden]


def _owner(part: Element) -> str | None:
    """Return which of the names a part belongs to, None if it does not say."""
    qualifiers = (part.get("qualifier") or "").split()
    return next((found for found in map(value_map("name_part").get, qualifiers) if found), None)


def _split(cv: Conversion, parts: list[Element]) -> list[HumanName]:
    owned = {name: [part for part in parts if _owner(part) == name] for name in _NAMES}
    shared = [part for part in parts if _owner(part) is None]
    families = [part for part in shared if local(part) == "family"]
    if families and not any(local(part) == "family" for part in owned["official"]):
        owned["official"] = families + owned["official"]
    has_first = any(local(part) == "given" for part in owned["official"])
    givens = [part for part in shared if local(part) == "given"]
    names: list[HumanName] = []
    for use in _NAMES:
        own = list(owned[use])
        if not own:
            continue
        if not any(local(part) == "given" for part in own):
            own += givens
        own += [part for part in shared if local(part) in ("prefix", "suffix")]
        names.append({"use": use, **_name(cv, own, qualified=False)})
    if has_first and givens and names[0]["use"] == "official":
        words = " ".join(own_words(part) for part in givens)
        names[0]["extension"] = [{"url": value_map("extension")["birth_names"], "valueString": words}]
        for part in givens:
            cv.take(part)
    return names


def _name(cv: Conversion, parts: Iterable[Element], *, qualified: bool = True) -> HumanName:
    result: HumanName = {}
    notes: dict[str, list[dict[str, Any] | None]] = {}
    for part in parts:
        field, words = local(part), own_words(part)
        codes = (part.get("qualifier") or "").split() if qualified or _owner(part) is None else []
        note = {"extension": [{"url": _QUALIFIER, "valueCode": code} for code in codes]} if codes else None
        cv.take(part)
        if field in _LISTED:
            result.setdefault(field, []).append(words)
            notes.setdefault(field, []).append(note)
        elif "family" in result:
            result["family"] += f" {words}"
        else:
            result["family"] = words
            if note is not None:
                result["_family"] = note
    for field, found in notes.items():
        if any(found):
            result[f"_{field}"] = found
    return result
