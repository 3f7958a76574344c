"""The conversion of one document: what it has made so far, and what of the original it has used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property, lru_cache
from typing import Any, TypeVar
from uuid import UUID, uuid5

from lxml import etree

from importers.cda.xml import XSI_TYPE, numbered
from importers.result import ImportIssue, Origin, Severity, Unreadable

Element = etree._Element
Resource = dict[str, Any]
Reference = dict[str, str]

Found = TypeVar("Found")

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
        self._seed = seed
        self._shared: dict[tuple[str, str], Reference] = {}
        self._used: dict[Element, frozenset[str]] = {}
        self._left: dict[Element, str] = {}
        self._paths: dict[Element, str] = {source.root: _ROOT}
        self._repeated = 0
        self._said: set[tuple[str, str]] = set()
        self._found: dict[Callable[[Element], Any], dict[Element, Any]] = {}

    @cached_property
    def anchors(self) -> Mapping[str, Element]:
        """Id → the element of a narrative that carries it, the first where several do."""
        found: dict[str, Element] = {}
        for node in self.source.root.iter(etree.Element):
            name = node.get("ID")
            if name is not None:
                found.setdefault(name, node)
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
        return f"urn:uuid:{uuid5(self._seed, f'{resource_type}|{self.xpath(node)}|{name}')}"

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
        self._used[node] = taken if known is None else known | taken

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

    def found(self, find: Callable[[Element], Found], node: Element) -> Found:
        """Return what `find` finds in the document from an element on; it is asked once for each element."""
        known = self._found.setdefault(find, {})
        if node not in known:
            known[node] = find(node)
        found: Found = known[node]
        return found

    def repeat(self, text: str) -> str:
        """Return a text of the narrative that a resource says again.

        Raises Unreadable `text-too-often` where many references to long texts would make a document grow.
        """
        self._repeated += len(text)
        if self._repeated > self.source.repeated_length:
            most = self.source.repeated_length
            raise Unreadable("text-too-often", f"References repeat more than {most} characters of text.")
        return text

    def xpath(self, node: Element) -> str:
        """Return the place of an element, with positions, from its ClinicalDocument wherever that stands.

        Names without prefix are of `urn:hl7-org:v3`; the prefixes are those of `importers.cda.xml.PREFIXES`.
        """
        known = self._paths.get(node)
        if known is None:
            parent = node.getparent()
            above = _ROOT if parent is None else self.xpath(parent)
            if parent is not None:
                self._paths.update((each, f"{above}/{step}") for each, step in numbered(parent))
            known = self._paths.get(node, above)
        return known

    def unused(self) -> Iterator[tuple[Element, tuple[str, ...], str | None]]:
        """Yield what nothing took: (element, attributes or `text()`, reason if it was left on purpose)."""
        for node in self.source.root.iter(etree.Element):
            used = self._used.get(node, _NOTHING)
            if "*" in used:
                if node.get("extension") is not None and not _is_identifier(node):
                    yield (
                        node,
                        tuple(name for name in _IDENTIFYING if name in node.attrib),
                        self._reason(node),
                    )
                continue
            missing = tuple(name for name in map(str, node.keys()) if name not in used)
            if "text()" not in used and (node.text or "").strip():
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
    name = etree.QName(node).localname
    return name.lower().endswith("id") or name == "accessionNumber" or XSI_TYPE in node.attrib


@lru_cache(maxsize=4096)
def _names(attributes: tuple[str, ...]) -> frozenset[str]:
    return frozenset(attributes)
