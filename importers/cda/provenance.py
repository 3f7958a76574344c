"""Where each resource came from: the place in the original, who said it, and when.

Resources whose authors and time are the same share one Provenance; each target says its own place, as XPath
and as bytes.  Spec: https://hl7.org/fhir/R4/provenance.html
"""

from __future__ import annotations

from typing import Any

from fhir_server.model.temporal import format_instant, parse_interval
from importers.cda.conversion import Conversion, Element, Reference, Resource
from importers.cda.datatypes import date_time
from importers.cda.extensions import BYTES, XPATH, own
from importers.cda.header.read import Header
from importers.cda.people import author
from importers.cda.xml import child, children

Json = dict[str, Any]

_PARTY = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_UNKNOWN: Json = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    ]
}
_ASSEMBLER: Json = {
    "type": {"coding": [{"system": _PARTY, "code": "assembler"}]},
    "who": {"display": "CDA importer"},
}

Said = tuple[tuple[str, ...], str | None]
"""Who said something, as fullUrls, and when."""


def add_provenance(cv: Conversion, header: Header) -> None:
    """Add Provenance for all that was made, except the original itself."""
    root = cv.source.root
    known: dict[Element, Said] = {root: (tuple(each["reference"] for each in cv.authors), None)}
    groups: dict[Said, list[Json]] = {}
    for url, node in list(cv.nodes.items()):
        if url in cv.resources and not _is_original(cv, url):
            groups.setdefault(_said(cv, node, known), []).append(_target(cv, url))
    recorded = _recorded(cv, header)
    for number, ((authors, time), targets) in enumerate(groups.items()):
        resource: Resource = {"resourceType": "Provenance", "target": targets}
        if time or header.time:
            resource["occurredDateTime"] = time or header.time
        resource |= recorded
        resource["agent"] = [*map(_author, authors), _ASSEMBLER]
        resource["entity"] = [{"role": "source", "what": cv.document}]
        cv.add(resource, root, str(number))


def _is_original(cv: Conversion, url: str) -> bool:
    return cv.nodes[url] is cv.source.root and cv.resources[url]["resourceType"] == "Binary"


def _said(cv: Conversion, node: Element, known: dict[Element, Said]) -> Said:
    """Return who said what an element says: its own authors, or those of the nearest element around it."""
    found = known.get(node)
    if found is not None:
        return found
    nodes = children(node, "author")
    authors = [who["reference"] for each in nodes if (who := author(cv, each)) is not None]
    parent = node.getparent()
    if authors:
        time = child(nodes[0], "time")
        found = (tuple(dict.fromkeys(authors)), None if time is None else date_time(cv, time))
    else:
        found = known[cv.source.root] if parent is None else _said(cv, parent, known)
    known[node] = found
    return found


def _target(cv: Conversion, url: str) -> Json:
    place = cv.origins[url]
    extensions = [
        own(cv.base, XPATH, "String", place.xpath),
        own(cv.base, BYTES, "String", f"{place.start}-{place.end}"),
    ]
    return {"extension": extensions, "reference": url}


def _author(url: str) -> Json:
    reference: Reference = {"reference": url}
    return {"type": {"coding": [{"system": _PARTY, "code": "author"}]}, "who": reference}


def _recorded(cv: Conversion, header: Header) -> Json:
    """Return when the document was made, as an instant: the first one of a time that is partial."""
    if header.instant:
        return {"recorded": header.instant}
    span = parse_interval(header.time, cv.zone) if header.time else None
    return {"_recorded": _UNKNOWN} if span is None else {"recorded": format_instant(span.start)}
