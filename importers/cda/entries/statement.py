"""What every statement has: identifiers, code, status, time, people, text and negation."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from importers.cda import datatypes, people, text
from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes.absence import ABSENT
from importers.cda.entries.parts import TRUE
from importers.cda.entries.place import Place
from importers.cda.entries.templates import row_of
from importers.cda.vocabulary import null_flavors
from importers.cda.xml import child, children

PEOPLE = frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson"})
"""Who may record or assert."""

UNFINISHED = frozenset({"aborted", "cancelled"})
"""statusCodes of a finding that was not brought to its end, and so states nothing."""

When = tuple[Literal["DateTime"], str] | tuple[Literal["Period"], dict[str, Any]]


def start(
    cv: Conversion, statement: Element, resource_type: str, subject: str = "subject", encounter: str = ""
) -> Resource:
    """Return a resource with what is the same everywhere: identifiers, the person, the encounter.

    `subject` and `encounter` name the elements; an empty name leaves the element out.
    """
    resource: Resource = {"resourceType": resource_type}
    put(resource, "identifier", identifiers(cv, statement))
    put(resource, subject, cv.subject if subject else None)
    put(resource, encounter, cv.encounter if encounter else None)
    return resource


def put(resource: dict[str, Any], name: str, value: Any) -> None:
    """Set an element, unless there is nothing to set (None, an empty list or object)."""
    if value or (value is not None and value not in ("", [], {})):
        resource[name] = value


def add(resource: dict[str, Any], name: str, value: Any) -> None:
    """Append to a repeating element, unless there is nothing to append or it is there."""
    if not value and (value is None or value in ("", [], {})):
        return
    values = resource.setdefault(name, [])
    if value not in values:
        values.append(value)


def identifiers(cv: Conversion, statement: Element) -> list[dict[str, Any]]:
    """Return the identifiers of a statement.  They repeat between statements: never a key."""
    return datatypes.identifiers(cv, statement)


def code(cv: Conversion, statement: Element, name: str = "code") -> dict[str, Any] | None:
    """Return the first element of that name as CodeableConcept; None if it says nothing."""
    node = child(statement, name)
    return None if node is None else datatypes.codeable_concept(cv, node)


def code_or_absent(cv: Conversion, statement: Element, name: str = "code") -> dict[str, Any]:
    """Return a CodeableConcept for an element that R4 requires.

    What has no code is its text; what has no text either says why (data-absent-reason), with an issue.
    """
    found = code(cv, statement, name)
    if found and ("coding" in found or "text" in found):
        return found
    words = text_of(cv, statement)
    if words:
        return {**(found or {}), "text": words}
    cv.issue("warning", "code", f"The statement has no {name} and no text.", statement)
    return found or reasons(cv, child(statement, name))


def absent(node: Element | None) -> dict[str, Any]:
    """Return the extension that says why there is no value: the null flavor of a node, else unknown."""
    known = null_flavors().get((node.get("nullFlavor") if node is not None else None) or "")
    return {"url": ABSENT, "valueCode": "unknown" if known is None else known.reason}


def reasons(cv: Conversion, node: Element | None) -> dict[str, Any]:
    """Return an element without value that says why: by the null flavor of a node, else unknown."""
    found = datatypes.absent(cv, node)
    return found or {"extension": [absent(None)]}


def says_no(statement: Element) -> bool:
    """Return whether a statement carries negationInd, or the link that leads to it; marks nothing.

    A wrapper (a concern act) around it that is negated denies it too, as does the link to the wrapper.
    """
    return any(node.get("negationInd") in TRUE for node in _said_of(statement))


def is_negated(cv: Conversion, statement: Element) -> bool:
    """Return whether a statement is denied as `says_no` tells, and take what says so."""
    for node in _said_of(statement):
        if node.get("negationInd") is not None:
            cv.take(node, "negationInd")
    return says_no(statement)


def is_nullified(statement: Element) -> bool:
    """Return whether a statement, or a wrapper around it, was recorded in error; marks nothing."""
    return any(state_of(node) == "nullified" for node in _said_of(statement))


def state_of(statement: Element) -> str:
    """Return the statusCode of a statement in lower case, empty without one; marks nothing."""
    node = child(statement, "statusCode")
    return "" if node is None else (node.get("code") or "").strip().lower()


def unless_error(status: str, otherwise: str) -> str:
    """Return `otherwise`, what a denial makes of a status, unless the denial itself was an error."""
    return status if status == "entered-in-error" else otherwise


def _said_of(statement: Element) -> Iterator[Element]:
    """Yield a statement, the link that leads to it, and the same of the wrappers around it."""
    yield statement
    link = statement.getparent()
    if link is None:
        return
    yield link
    around = link.getparent()
    row = None if around is None else row_of(around)
    if around is not None and row is not None and row.role == "wrapper":
        yield from _said_of(around)


def status(cv: Conversion, statement: Element, table: Mapping[str, str], default: str) -> str:
    """Return the status by a table of statusCode; the default, with an issue, for what it does not hold."""
    node = child(statement, "statusCode")
    if node is None:
        return default
    cv.take(node)
    said = state_of(statement)
    if said in table:
        return table[said]
    if said or node.get("nullFlavor"):
        cv.issue("warning", "code", f"The status is not one of R4 here; taken as {default}.", node)
    return default


def has_end(statement: Element) -> bool:
    """Return whether the time of a statement says when it ended; marks nothing."""
    time = child(statement, "effectiveTime")
    high = None if time is None else child(time, "high")
    return high is not None and bool(high.get("value"))


def when(cv: Conversion, node: Element | None) -> When | None:
    """Return a point in time or a period, as an IVL_TS or TS says; None if it says nothing."""
    return datatypes.effective(cv, node)


def authors(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Return the authors that a statement names, else those of its place, else those of the document."""
    return own_authors(cv, statement) or list(place.authors) or list(cv.authors)


def own_authors(cv: Conversion, statement: Element) -> list[Reference]:
    """Return the authors that a statement names itself."""
    found = (people.author(cv, node) for node in children(statement, "author"))
    return [reference for reference in found if reference is not None]


def performers(cv: Conversion, statement: Element) -> list[Reference]:
    """Return who carried out what a statement tells."""
    found = (people.performer(cv, node) for node in children(statement, "performer"))
    return [reference for reference in found if reference is not None]


def limited(cv: Conversion, reference: Reference | None, types: Collection[str]) -> Reference | None:
    """Return a reference to what R4 allows in an element: the party, else the person or owner behind it."""
    if reference is None:
        return None
    who = cv.resource(reference)
    if who["resourceType"] in types:
        return reference
    for name in ("practitioner", "organization", "owner", "managingOrganization"):
        behind = limited(cv, who.get(name), types)
        if behind is not None:
            return behind
    return None


def informants(cv: Conversion, statement: Element) -> list[Reference]:
    """Return who gave the information of a statement."""
    found = (people.participant(cv, node) for node in children(statement, "informant"))
    return [reference for reference in found if reference is not None]


def record(cv: Conversion, resource: Resource, statement: Element, place: Place) -> None:
    """Set who recorded, who asserted and when, for resources with `recorder`, `asserter`, `recordedDate`."""
    recorders = (limited(cv, author, PEOPLE) for author in authors(cv, statement, place))
    put(resource, "recorder", next((found for found in recorders if found), None))
    sayers = (limited(cv, informant, PEOPLE) for informant in informants(cv, statement))
    put(resource, "asserter", next((found for found in sayers if found), None))
    put(resource, "recordedDate", authored(cv, statement))


def authored(cv: Conversion, statement: Element) -> str | None:
    """Return when the first author of a statement wrote it."""
    author = child(statement, "author")
    node = None if author is None else child(author, "time")
    return None if node is None else datatypes.date_time(cv, node)


def written(cv: Conversion, statement: Element, place: Place) -> str | None:
    """Return when the first author of the document wrote it, for what is theirs because it names no other."""
    if child(statement, "author") is not None or list(place.authors) not in ([], cv.authors):
        return None
    return authored(cv, cv.source.root)


def text_of(cv: Conversion, statement: Element) -> str | None:
    """Return the words of `text`: its own, or those of the narrative that it refers to."""
    return text.said(cv, child(statement, "text"))


def words_in(cv: Conversion, statement: Element, name: str = "code") -> str | None:
    """Return what a coded element says in words: its original text, or a display name."""
    node = child(statement, name)
    if node is None:
        return None
    concept = datatypes.codeable_concept(cv, node) or {}
    named = (coding.get("display") for coding in concept.get("coding", ()))
    return concept.get("text") or next((display for display in named if display), None)
