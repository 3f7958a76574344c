"""References between entries: an act with nothing but the id of another statement of the document."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lxml import etree

from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.datatypes import codeable_concept
from importers.cda.entries import statement as st
from importers.cda.entries.parts import Part, parts_of, take_statement
from importers.cda.entries.templates import name_of
from importers.cda.xml import child, children, local, tag_of

INTERNAL = "internal-reference"
"""The kind of an act that refers to another entry in the tables."""

Found = Callable[[Reference, Part], None]

_LINKS = frozenset({"entryRelationship", "component"})
_FRAMES = frozenset({"act", "organizer"})
_WITH_REASON = frozenset({
    "DeviceUseStatement", "Encounter", "Immunization", "MedicationAdministration", "MedicationRequest",
    "MedicationStatement", "Procedure", "ServiceRequest",
})  # fmt: skip
"""The types that have a reasonCode."""


def internal_references(cv: Conversion, statement: Element, found: Found) -> None:
    """Have `found` called, once all entries were converted, for each entry that a statement refers to.

    An id that no statement has, or only ones of which no resource was made, is an issue of kind `reference`.
    """
    for part in parts_of(statement):
        if part.kind == INTERNAL:
            refer(cv, part, found)


def refer(cv: Conversion, part: Part, found: Found) -> None:
    """Have `found` called, once all entries were converted, with what an internal reference names.

    Where it names nothing, or what has another code than the reference itself, its own code is kept instead.
    """
    act = part.statement
    take_statement(cv, act)
    for node in children(act, "id", "statusCode", "text"):
        cv.take_all(node)
    for node in children(act, "effectiveTime"):
        cv.leave(node, "a reference has no time of its own")

    def resolve() -> None:
        target = _target(cv, act)
        if target is None:
            cv.issue("warning", "reference", "A reference names no entry that became a resource.", act)
            _keep_code(cv, part)
            return
        for node in children(act, "code"):
            cv.take_all(node)
        found(target, part)

    cv.later.append(resolve)


def _target(cv: Conversion, act: Element) -> Reference | None:
    """Return what stands for the entry that has the id, else for the nearest statement around it.

    Ids repeat: where the reference has a code, the entry must have it, too.
    """
    named = [
        node
        for each in children(act, "id")
        for node in cv.identified.get(_key(each), ())
        if node is not act and name_of(node) is not None
    ]
    node = child(act, "code")
    code = None if node is None else node.get("code")
    if code is not None:
        named = [each for each in named if code in set(_codes(each))]
    for each in named:
        if each in cv.made_from:
            return cv.made_from[each]
    for each in named:
        for around in each.iterancestors():
            if around in cv.made_from:
                return cv.made_from[around]
    return None


def _codes(statement: Element) -> Iterator[str | None]:
    """Yield the codes that a statement says itself; those of what is inside only for one that is a frame."""
    for node in statement.iterchildren(etree.Element):
        if local(node) in _LINKS and local(statement) not in _FRAMES:
            continue
        for each in node.iter(tag_of("code"), tag_of("value"), tag_of("translation")):
            yield each.get("code")


def _keep_code(cv: Conversion, part: Part) -> None:
    """Say by its code what a reference did not lead to: a reason, or what was used."""
    node, around = child(part.statement, "code"), part.link.getparent()
    if node is None or node.get("code") is None or around not in cv.made_from:
        return
    resource = cv.resource(cv.made_from[around])
    if part.relation == "RSON" and resource["resourceType"] in _WITH_REASON:
        st.add(resource, "reasonCode", codeable_concept(cv, node))
    elif part.relation == "REFR" and resource["resourceType"] == "Procedure":
        st.add(resource, "usedCode", codeable_concept(cv, node))


def _key(node: Element) -> tuple[str, str]:
    return (node.get("root") or "").strip().lower(), (node.get("extension") or "").strip()
