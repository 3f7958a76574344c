"""Sections: their narrative, their entries, and the sections in them, none of it lost."""

from __future__ import annotations

from typing import Any

from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.datatypes import code_of, coding, identifier, null_flavor
from importers.cda.entries.engine import convert_entry
from importers.cda.entries.place import Place
from importers.cda.entries.subjects import related
from importers.cda.extensions import SECTION_IDENTIFIER, own
from importers.cda.header.participants import authors_of, participation, reference_to
from importers.cda.section_names import empty_reason, section_code, section_title
from importers.cda.section_text import generated, nothing, written
from importers.cda.xml import attr, child, children

Json = dict[str, Any]


def sections(cv: Conversion) -> list[Json]:
    """Return the sections of a structured body, in order; empty for a document that has none."""
    holder = child(cv.source.root, "component")
    body = None if holder is None else child(holder, "structuredBody")
    return [] if body is None else [_section(cv, each, ()) for each in _below(body)]


def _section(cv: Conversion, node: Element, inherited: tuple[Reference, ...]) -> Json:
    """Return a section; `inherited` are the authors of the section around it, if it names any."""
    said = authors_of(cv, node)
    authors = tuple(each.who for each in said) or inherited
    code = section_code(cv, node)
    section: Json = {}
    extensions = _extensions(cv, node)
    if extensions:
        section["extension"] = extensions
    section["title"] = section_title(cv, node, code)
    if code:
        section["code"] = code
    if said:
        section["author"] = [reference_to(each, cv.base) for each in said]
    elif authors:
        section["author"] = list(authors)
    subject = child(node, "subject")
    about = None if subject is None else related(cv, subject)
    if about:
        section["focus"] = about
    _fill(cv, node, section, authors)
    return section


def _fill(cv: Conversion, node: Element, section: Json, authors: tuple[Reference, ...]) -> None:
    """Add the text, the entries and the inner sections, or the reason why there are none."""
    mark = set(cv.resources)
    entries = _entries(cv, node, authors)
    inner = [_section(cv, each, authors) for each in _below(node)]
    text = written(cv, node)
    if text is None and entries and not inner:
        cv.issue("information", "structure", "The section has no text; one was made of its entries.", node)
        text = generated(cv, entries)
    if text:
        section["text"] = text
    if entries and inner:
        inner.insert(0, {"title": section["title"], "entry": entries})
        cv.issue("information", "structure", "The entries of the section went to one inside it.", node)
    elif entries:
        section["entry"] = entries
    if inner:
        section["section"] = inner
    if not entries and not inner:
        _empty(cv, node, section)
    _label(cv, node, mark)


def _entries(cv: Conversion, node: Element, authors: tuple[Reference, ...]) -> list[Reference]:
    place = Place(
        section=node,
        section_code=code_of(child(node, "code")),
        section_templates=frozenset(
            filter(None, (attr(each, "root") for each in children(node, "templateId")))
        ),
        authors=authors or tuple(cv.authors),
    )
    made = [reference for entry in children(node, "entry") for reference in convert_entry(cv, entry, place)]
    return [dict(each) for each in {each["reference"]: each for each in made}.values()]


def _empty(cv: Conversion, node: Element, section: Json) -> None:
    """Say why there are no entries where the section says it; one without any content gets a reason too."""
    flavor = null_flavor(node)
    if flavor is not None:
        cv.take(node, "nullFlavor")
    if flavor is not None or "text" not in section:
        section["emptyReason"] = empty_reason(flavor)
    section.setdefault("text", nothing(section["title"]))


def _label(cv: Conversion, node: Element, before: set[str]) -> None:
    """Put the confidentiality of a section on all that was made in it."""
    confidentiality = child(node, "confidentialityCode")
    label = None if confidentiality is None else coding(cv, confidentiality)
    if label is None:
        return
    for url in cv.resources.keys() - before:
        labels = cv.resources[url].setdefault("meta", {}).setdefault("security", [])
        if label not in labels:
            labels.append(label)


def _extensions(cv: Conversion, node: Element) -> list[Json]:
    found = []
    for each in children(node, "id"):
        value = identifier(cv, each)
        if value:
            found.append(own(cv.base, SECTION_IDENTIFIER, "Identifier", value))
    language = child(node, "languageCode")
    code = attr(language, "code")
    if language is not None and code:
        cv.take(language, "code")
        found.append({"url": "http://hl7.org/fhir/StructureDefinition/language", "valueCode": code})
    informants = (participation(cv, each, "INF") for each in children(node, "informant"))
    found += [each for each in informants if each]
    return found


def _below(node: Element) -> list[Element]:
    found = (child(each, "section") for each in children(node, "component"))
    return [each for each in found if each is not None]
