"""The conversion of one document: what it has made so far, and what of the original it has used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from uuid import UUID, uuid5

from lxml import etree

from importers.result import ImportIssue, Origin, Severity

Element = etree._Element
Resource = dict[str, Any]
Reference = dict[str, str]

_EVERY_ATTRIBUTE = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Source:
    """A document that was read: `data` are its bytes, `root` is its ClinicalDocument.

    `span_of` gives the first and the last byte (exclusive) of an element in `data`.
    """

    data: bytes
    root: Element
    span_of: Callable[[Element], tuple[int, int]]


class Conversion:
    """Collects resources, issues and what was used.  One per document; not shared between threads.

    `seed` is the namespace of all urn:uuid of the document, made from its id.  `zone` is that of times
    without an offset.  `base` is the canonical base of our own extensions.
    """

    def __init__(self, source: Source, seed: UUID, zone: tzinfo, base: str) -> None:
        self.source = source
        self.zone = zone
        self.base = base
        self.issues: list[ImportIssue] = []
        self.resources: dict[str, Resource] = {}
        """fullUrl → resource, in the order in which they were made."""
        self.origins: dict[str, Origin] = {}
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
        self._seed = seed
        self._shared: dict[tuple[str, str], Reference] = {}
        self._used: dict[Element, set[str]] = {}
        self._left: dict[Element, str] = {}
        self._paths: dict[Element, str] = {}
        self._tree = source.root.getroottree()

    def add(self, resource: Resource, node: Element, name: str = "") -> Reference:
        """Keep a resource that was made from `node` and return a reference to it.

        `name` tells apart several resources of one type that are made from one element.
        """
        full_url = self.full_url(resource["resourceType"], node, name)
        if full_url in self.resources:
            raise ValueError(f"two resources are called {full_url}")
        self.resources[full_url] = resource
        self.origins[full_url] = Origin(self.xpath(node), *self.source.span_of(node))
        return {"reference": full_url}

    def full_url(self, resource_type: str, node: Element, name: str = "") -> str:
        """Return the urn:uuid of what is made from an element: the same for the same document, always."""
        return f"urn:uuid:{uuid5(self._seed, '|'.join((resource_type, self.xpath(node), name)))}"

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

    def resource(self, reference: Mapping[str, str]) -> Resource:
        """Return the resource behind a reference of this document."""
        return self.resources[reference["reference"]]

    def take(self, node: Element, *attributes: str) -> None:
        """Mark an element as carried over: with the attributes named, or with all of them if none is."""
        self._used.setdefault(node, set()).update(attributes or _EVERY_ATTRIBUTE)

    def take_all(self, node: Element) -> None:
        """Mark an element and all that is in it as carried over."""
        for each in node.iter(etree.Element):
            self.take(each)

    def leave(self, node: Element, reason: str) -> None:
        """Mark an element, with all that is in it, as not carried over for a reason that the report gives."""
        self._left[node] = reason

    def is_used(self, node: Element) -> bool:
        """Return whether anything has taken the element."""
        return node in self._used

    def issue(self, severity: Severity, kind: str, text: str, node: Element | None = None) -> None:
        """Report something; see `ImportIssue`."""
        self.issues.append(ImportIssue(severity, kind, text, None if node is None else self.xpath(node)))

    def xpath(self, node: Element) -> str:
        """Return the place of an element, with positions and without prefixes of the document's own."""
        known = self._paths.get(node)
        if known is None:
            known = self._paths[node] = self._xpath(node)
        return known

    def unused(self) -> Iterator[tuple[Element, tuple[str, ...], str | None]]:
        """Yield what nothing took: (element, attributes or `text()`, reason if it was left on purpose)."""
        yield from self._unused(self.source.root, None)

    def _unused(
        self, node: Element, reason: str | None
    ) -> Iterator[tuple[Element, tuple[str, ...], str | None]]:
        reason = self._left.get(node, reason)
        used: Collection[str] = self._used.get(node, ())
        if "*" not in used:
            missing = tuple(name for name in map(str, node.attrib) if name not in used)
            if (node.text or "").strip() and "text()" not in used:
                missing += ("text()",)
            if missing:
                yield node, missing, reason
        for child in node.iterchildren(etree.Element):
            yield from self._unused(child, reason)

    def _xpath(self, node: Element) -> str:
        if node is self.source.root:
            return "/ClinicalDocument"
        parent = node.getparent()
        above = "" if parent is None else self.xpath(parent)
        name = etree.QName(node).localname
        same = [node] if parent is None else list(parent.iterchildren(node.tag))
        position = f"[{same.index(node) + 1}]" if len(same) > 1 else ""
        return f"{above}/{name}{position}"
