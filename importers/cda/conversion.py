"""The conversion of one document: what it has made so far, and what of the original it has used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property, lru_cache
from hashlib import sha1
from typing import Any, TypeVar
from uuid import UUID

from lxml import etree

from importers.cda.xml import XSI_TYPE, local, steps_beside
from importers.result import ImportIssue, Origin, Severity, Unreadable

Element = etree._Element
Resource = dict[str, Any]
Reference = dict[str, str]
Made = TypeVar("Made")

_EVERY_ATTRIBUTE = frozenset({"*"})
_NOTHING: frozenset[str] = frozenset()
_IDENTIFYING = ("root", "extension")
_WITHOUT_TEXT = frozenset(
    f"{{urn:hl7-org:v3}}{name}"
    for name in (
        "effectiveTime", "high", "id", "languageCode", "low", "realmCode", "reference", "setId", "statusCode",
        "templateId", "typeId", "versionNumber",
    )
)  # fmt: skip
_ANCHORS = etree.XPath("descendant-or-self::*[@ID]")
_ROOT = "/ClinicalDocument"


@dataclass(frozen=True, slots=True)
class Source:
    """A document that was read: `data` are its bytes, `root` is its ClinicalDocument.

    `span_of` gives the first and the last byte (exclusive) of an element in `data`.  `notes` are what the
    reading itself has to report.  `repeated_length` is how many characters references to anchors may come to.
    """

    data: bytes
    root: Element
    span_of: Callable[[Element], tuple[int, int]]
    notes: tuple[ImportIssue, ...] = ()
    repeated_length: int = 64 * 1024 * 1024


class Conversion:
    """Collects resources, issues and what was used.  One per document; not shared between threads.

    `seed` is the namespace of all urn:uuid of the document, made from its id.  `zone` is that of times
    without an offset.  `base` is the canonical base of our own extensions.
    """

    def __init__(self, source: Source, seed: UUID, zone: tzinfo, base: str) -> None:
        self.source = source
        self.zone = zone
        self.base = base
        self.issues: list[ImportIssue] = list(source.notes)
        self.resources: dict[str, Resource] = {}
        """fullUrl → resource, in the order in which they were made."""
        self.origins: dict[str, Origin] = {}
        self.nodes: dict[str, Element] = {}
        """fullUrl → the element that the resource was made from."""
        self.subject: Reference = {}
        """The Patient, once the header was read."""
        self.encounter: Reference = {}
        """The encompassing Encounter, empty where there is none."""
        self.authors: list[Reference] = []
        """The authors of the document: those of what names none itself."""
        self.document: Reference = {}
        """The DocumentReference of the original."""
        self.made_from: dict[Element, Reference] = {}
        """Statement → the resource that stands for it, for references between entries."""
        self.met: Counter[str] = Counter()
        """Template → entries met."""
        self.structured: Counter[str] = Counter()
        """Template → entries that became resources."""
        self.narrative_ids: dict[str, int] = {}
        """Id that an anchor of the narratives has → the number that the next of that name gets."""
        self.later: list[Callable[[], None]] = []
        """What waits until every entry was converted, such as references between entries."""
        self.strict = False
        """Whether a mapper's failure on the data leaves the importer instead of becoming an issue."""
        self._seed = sha1(seed.bytes, usedforsecurity=False)
        self._shared: dict[tuple[str, str], Reference] = {}
        self._used: dict[Element, frozenset[str]] = {}
        self._left: dict[Element, str] = {}
        self._paths: dict[Element, str] = {source.root: _ROOT}
        self._repeated = 0
        self._said: set[tuple[str, str]] = set()
        self._once: dict[tuple[Callable[[Conversion, Element], Any], Element], Any] = {}

    @cached_property
    def anchors(self) -> Mapping[str, Element]:
        """Id → the element of a narrative that carries it, the first where several do."""
        found: dict[str, Element] = {}
        carriers: Any = _ANCHORS(self.source.root)
        for node in carriers:
            found.setdefault(node.get("ID"), node)
        return found

    @cached_property
    def identified(self) -> Mapping[tuple[str, str], Sequence[Element]]:
        """(root in lower case, extension) of an `id` → the elements that have it, in document order."""
        found: dict[tuple[str, str], list[Element]] = {}
        for node in self.source.root.iter("{urn:hl7-org:v3}id"):
            parent = node.getparent()
            key = ((node.get("root") or "").strip().lower(), (node.get("extension") or "").strip())
            if parent is not None and any(key):
                found.setdefault(key, []).append(parent)
        return found

    def add(self, resource: Resource, node: Element, name: str = "") -> Reference:
        """Keep a resource that was made from `node` and return a reference to it.

        `name` tells apart several resources of one type that are made from one element.
        """
        full_url = self.full_url(resource["resourceType"], node, name)
        if full_url in self.resources:
            raise ValueError(f"two resources are called {full_url}")
        self.resources[full_url] = resource
        self.origins[full_url] = Origin(self.xpath(node), *self.source.span_of(node))
        self.nodes[full_url] = node
        return {"reference": full_url}

    def full_url(self, resource_type: str, node: Element, name: str = "") -> str:
        """Return the urn:uuid of what is made from an element: the same for the same document, always."""
        digest = self._seed.copy()
        digest.update(f"{resource_type}|{self.xpath(node)}|{name}".encode())
        return _urn(digest.hexdigest())

    def shared(
        self, resource_type: str, key: str, node: Element, make: Callable[[], Resource | None]
    ) -> Reference | None:
        """Return a reference to the one resource of that key (a national number …), made when first met."""
        known = self._shared.get((resource_type, key))
        if known is None:
            resource = make()
            if resource is None:
                return None
            known = self._shared[resource_type, key] = self.add(resource, node)
        return known

    def mark(self) -> int:
        """Return a mark for `forget_since`."""
        return len(self.resources)

    def forget_since(self, mark: int) -> None:
        """Drop the resources made since a mark, except those that others may share."""
        shared = {reference["reference"] for reference in self._shared.values()}
        gone = {url for url in list(self.resources)[mark:] if url not in shared}
        for url in gone:
            del self.resources[url], self.origins[url], self.nodes[url]
        for node in [node for node, reference in self.made_from.items() if reference["reference"] in gone]:
            del self.made_from[node]

    def resource(self, reference: Mapping[str, str]) -> Resource:
        """Return the resource behind a reference of this document."""
        return self.resources[reference["reference"]]

    def take(self, node: Element, *attributes: str) -> None:
        """Mark an element as carried over: with the attributes named, or with all of them if none is."""
        taken = _names(attributes) if attributes else _EVERY_ATTRIBUTE
        known = self._used.get(node)
        if known is None:
            self._used[node] = taken
        elif known is not taken and known is not _EVERY_ATTRIBUTE:
            self._used[node] = known | taken

    def take_all(self, node: Element) -> None:
        """Mark an element and all that is in it as carried over."""
        self._used.update(dict.fromkeys(node.iter(etree.Element), _EVERY_ATTRIBUTE))

    def leave(self, node: Element, reason: str) -> None:
        """Mark an element, with all that is in it, as not carried over for a reason that the report gives."""
        self._left[node] = reason

    def is_left(self, node: Element) -> bool:
        """Return whether the element was marked by `leave`."""
        return node in self._left

    def is_used(self, node: Element) -> bool:
        """Return whether anything has taken the element."""
        return node in self._used

    def issue(self, severity: Severity, kind: str, text: str, node: Element | None = None) -> None:
        """Report something; see `ImportIssue`."""
        self.issues.append(ImportIssue(severity, kind, text, None if node is None else self.xpath(node)))

    def issue_once(
        self, severity: Severity, kind: str, text: str, node: Element | None = None, key: str = ""
    ) -> None:
        """Report something the first time only that it is met with this text and key."""
        if (text, key) not in self._said:
            self._said.add((text, key))
            self.issue(severity, kind, text, node)

    def once(self, make: Callable[[Conversion, Element], Made], node: Element) -> Made:
        """Return what `make` makes of an element, which it is asked for once; the document keeps it."""
        key = (make, node)
        if key not in self._once:
            self._once[key] = make(self, node)
        made: Made = self._once[key]
        return made

    def repeat(self, text: str) -> str:
        """Return a text of the narrative that a resource says again.

        Raises Unreadable `text-too-often` where many references to long texts would make a document grow.
        """
        self.repeats(len(text))
        return text

    def repeats(self, length: int) -> None:
        """Count characters that stand once in the document and are written again.

        Raises Unreadable `text-too-often` like `repeat`.
        """
        self._repeated += length
        if self._repeated > self.source.repeated_length:
            most = self.source.repeated_length
            raise Unreadable("text-too-often", f"References repeat more than {most} characters of text.")

    def xpath(self, node: Element) -> str:
        """Return the place of an element, with positions, from its ClinicalDocument wherever that stands.

        Names without prefix are of `urn:hl7-org:v3`; the prefixes are those of `importers.cda.xml.PREFIXES`.
        """
        known = self._paths.get(node)
        if known is None:
            parent = node.getparent()
            above = _ROOT if parent is None else self.xpath(parent)
            if parent is not None:
                self._paths.update((each, f"{above}/{step}") for each, step in steps_beside(parent, node))
            known = self._paths.get(node, above)
        return known

    def unused(self) -> Iterator[tuple[Element, tuple[str, ...], str | None]]:
        """Yield what nothing took: (element, attributes or `text()`, reason if it was left on purpose)."""
        for node in self.source.root.iter(etree.Element):
            used = self._used.get(node, _NOTHING)
            if used is _EVERY_ATTRIBUTE or "*" in used:
                strange = _out_of_place(node)
                if strange:
                    yield node, strange, self._reason(node)
                continue
            names = node.keys()
            missing: tuple[str, ...] = ()
            if not used.issuperset(names):
                missing = tuple(name for name in map(str, names) if name not in used)
            if "text()" not in used:
                words = node.text
                if words and not words.isspace():
                    missing += ("text()",)
            if missing:
                yield node, missing, self._reason(node)

    def _reason(self, node: Element) -> str | None:
        """Return why an element, or the nearest around it that was left on purpose, was left."""
        found: Element | None = node
        while found is not None and found not in self._left:
            found = found.getparent()
        return None if found is None else self._left[found]


def _out_of_place(node: Element) -> tuple[str, ...]:
    """Return what an element has that none of its name can have: nothing reads that."""
    strange: tuple[str, ...] = ()
    if node.get("extension") is not None and not _is_identifier(node):
        strange = tuple(name for name in _IDENTIFYING if name in node.attrib)
    if node.tag in _WITHOUT_TEXT and (node.text or "").strip():
        strange += ("text()",)
    return strange


def _is_identifier(node: Element) -> bool:
    name = local(node)
    return name.lower().endswith("id") or name == "accessionNumber" or XSI_TYPE in node.attrib


def _urn(digits: str) -> str:
    """Return a SHA-1 as a UUID of version 5.  Spec: https://www.rfc-editor.org/rfc/rfc9562#section-5.5"""
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


@lru_cache(maxsize=4096)
def _names(attributes: tuple[str, ...]) -> frozenset[str]:
    return frozenset(attributes)
