"""Who took part in a statement, and in which way: performers, authors and participants as R4 takes them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from importers.cda import people
from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.datatypes import codeable_concept
from importers.cda.entries import statement as st
from importers.cda.entries.place import Place
from importers.cda.extensions import TIME, own
from importers.cda.xml import child, children

_FUNCTION = "http://hl7.org/fhir/StructureDefinition/event-performerFunction"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_LOCATION = "http://hl7.org/fhir/StructureDefinition/event-location"

_THINGS = frozenset({"ADMM", "MANU", "MAT", "MMAT", "SPEC", "THER"})
"""Classes of roles and entities that are things."""

ACTORS = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "CareTeam", "Patient", "RelatedPerson"}
)
"""Who may be the performer of an Observation.
Spec: http://hl7.org/fhir/R4/observation-definitions.html#Observation.performer"""


_REFERENCE = 256
"""Characters that a party costs each statement that inherits it, about."""


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody or something that took part: `type` is the typeCode, `resource_type` that of the reference."""

    reference: Reference
    resource_type: str
    type: str
    function: dict[str, Any] | None = None
    time: dict[str, Any] | None = None
    """The extension that says when."""

    def timed(self) -> dict[str, Any]:
        """Return the reference with the time from which the party took part, where it is said."""
        return {**self.reference, "extension": [self.time]} if self.time else dict(self.reference)

    def with_function(self) -> dict[str, Any]:
        """Return the reference with the function in which the party took part."""
        function = {"url": _FUNCTION, "valueCodeableConcept": function_of(self)}
        return {**self.reference, "extension": [function, *([self.time] if self.time else [])]}


def function_of(party: Party) -> dict[str, Any]:
    """Return the function of a party: the one it is given, else the way in which it took part."""
    return party.function or {"coding": [{"system": _PARTICIPATION, "code": party.type}]}


def participants(cv: Conversion, statement: Element, types: Collection[str] = ()) -> Iterator[Party]:
    """Yield the `participant` elements of a statement that name somebody or a place.

    Only those of these typeCodes, if any is given; never what is a device, a specimen or a product.
    """
    for node in children(statement, "participant"):
        kind = node.get("typeCode", "")
        role = child(node, "participantRole")
        if (types and kind not in types) or role is None or _is_thing(role):
            continue
        who = people.participant(cv, node)
        if who is not None:
            yield _party(cv, node, who, kind)


def performers(cv: Conversion, statement: Element) -> Iterator[Party]:
    """Yield the `performer` elements of a statement that name somebody."""
    for node in children(statement, "performer"):
        who = people.performer(cv, node)
        if who is not None:
            yield _party(cv, node, who, node.get("typeCode", "PRF"))


def informants(cv: Conversion, statement: Element) -> Iterator[Party]:
    """Yield the `informant` elements of a statement that name somebody."""
    for node in children(statement, "informant"):
        who = people.performer(cv, node)
        if who is not None:
            yield _party(cv, node, who, "INF")


def put_performers(cv: Conversion, resource: dict[str, Any], statement: Element, place: Place) -> None:
    """Set `performer` of an Observation or DiagnosticReport, its device and where it was made.

    Who carried it out comes first; authors, and others who took part, say their function.
    """
    for party in performers(cv, statement):
        _put_actor(resource, party, None)
    for party in (*participants(cv, statement), *informants(cv, statement)):
        _put_actor(resource, party, party.type)
    own = st.own_authors(cv, statement)
    times = _author_times(cv, statement)
    inherited = [] if own or "performer" in resource else st.authors(cv, statement, place)
    cv.repeats(_REFERENCE * len(inherited))
    for author in own or inherited:
        party = Party(
            author, cv.resource(author)["resourceType"], "AUT", None, times.get(author["reference"])
        )
        _put_actor(resource, party, "AUT" if "performer" in resource else None)


def put_location(resource: dict[str, Any], reference: Reference) -> None:
    """Say where something took place that has no element for it."""
    st.add(resource, "extension", {"url": _LOCATION, "valueReference": reference})


def _put_actor(resource: dict[str, Any], party: Party, function: str | None) -> None:
    if party.resource_type in ACTORS:
        known = [each["reference"] for each in resource.get("performer", ())]
        if party.reference["reference"] not in known:
            st.add(resource, "performer", party.with_function() if function else party.timed())
    elif party.resource_type == "Device":
        resource.setdefault("device", party.reference)
    elif party.resource_type == "Location":
        put_location(resource, party.reference)


def time_of(cv: Conversion, holder: Element) -> dict[str, Any] | None:
    """Return the extension for the `time` of a participation: its point, its start, else its end."""
    node = child(holder, "time")
    found = st.when(cv, node)
    if found is None:
        return None
    moment = found[1] if found[0] == "DateTime" else found[1].get("start") or found[1].get("end")
    return own(cv.base, TIME, "DateTime", moment) if moment else None


def _author_times(cv: Conversion, statement: Element) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for node in children(statement, "author"):
        who = people.author(cv, node)
        time = None if who is None else time_of(cv, node)
        if who is not None and time is not None:
            found[who["reference"]] = time
    return found


def _is_thing(role: Element) -> bool:
    entity = child(role, "playingEntity")
    return (
        child(role, "playingDevice") is not None
        or role.get("classCode") in _THINGS
        or (entity is not None and entity.get("classCode") in _THINGS)
    )


def _party(cv: Conversion, node: Element, who: Reference, kind: str) -> Party:
    cv.take(node, "typeCode")
    for template in children(node, "templateId"):
        cv.take(template)
    function = child(node, "functionCode")
    concept = None if function is None else codeable_concept(cv, function)
    return Party(who, cv.resource(who)["resourceType"], kind, concept, time_of(cv, node))
