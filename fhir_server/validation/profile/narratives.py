"""What a profile asks of a narrative: sections by language, and where each text comes from.

Spec: https://hl7.org/fhir/extensions/StructureDefinition-narrative-language-control.html
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.parsers import expat

from fhir_server.fhirpath import Node
from fhir_server.validation.profile.session import Check, Session
from profiles.definitions import NarrativeControl

_SOURCES = frozenset({"boilerplate", "generated", "original", "extensions", "additional"})
_SECTION_DEPTH = 2
"""The elements right inside the outer `div`."""


def narrative_checks(control: NarrativeControl | None) -> Iterator[Check]:
    """Yield the check of what is asked of a Narrative, none if nothing is."""
    if control is not None:
        yield _check(control)


class _Sections:
    """One pass over one `div`: the languages of its sections, and whether some text has no source."""

    __slots__ = ("_sourced", "has_unsourced", "languages")

    def __init__(self, div: str) -> None:
        self.languages: set[str] = set()
        self.has_unsourced = False
        self._sourced: list[bool] = []
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.Parse(div, True)

    def _start(self, _name: str, attributes: dict[str, str]) -> None:
        above = bool(self._sourced) and self._sourced[-1]
        self._sourced.append(above or not _SOURCES.isdisjoint(attributes.get("class", "").split()))
        language = attributes.get("lang") or attributes.get("xml:lang")
        if language and len(self._sourced) == _SECTION_DEPTH:
            self.languages.add(language)

    def _end(self, _name: str) -> None:
        self._sourced.pop()

    def _characters(self, text: str) -> None:
        if not text.isspace() and not self._sourced[-1]:
            self.has_unsourced = True


def _check(control: NarrativeControl) -> Check:
    def check(node: Node, session: Session) -> None:
        div = node.value.get("div") if type(node.value) is dict else node.value
        if type(div) is not str:
            return
        try:
            sections = _Sections(div)
        except (expat.ExpatError, UnicodeEncodeError):
            return  # structure has refused it
        for wanted in control.languages:
            reason = _language_fault(wanted, sections.languages, node)
            if reason is not None:
                session.fault("illegal-value", f" {reason}.", node)
        if control.sources is not None and sections.has_unsourced:
            classes = ", ".join(sorted(_SOURCES))
            text = f" has text in no element whose class says where it comes from ({classes})."
            session.fault("illegal-value", text, node, control.sources)

    return check


def _language_fault(wanted: str, found: set[str], node: Node) -> str | None:
    if wanted == "_no":
        return "may have no sections by language" if found else None
    if wanted == "_yes":
        return None if found else "must have sections by language"
    language = _language_of(node) if wanted == "_resource" else wanted
    if language is None or language in found:
        return None
    return f"must have a section in the language {language[:32]}"


def _language_of(node: Node) -> str | None:
    """The language that the resource says it is in."""
    holder = node
    while holder.parent is not None and not holder.is_resource:
        holder = holder.parent
    language = holder.value.get("language") if type(holder.value) is dict else None
    return language if type(language) is str else None
