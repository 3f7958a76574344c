"""The entries of one Bundle by what they can be referred to.

Spec: https://hl7.org/fhir/R4/bundle.html#references
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_VERSION = "/_history/"
RESTFUL = re.compile(
    r"(?P<base>https?://.*?/)(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/.*)?\Z"
)
RELATIVE = re.compile(
    r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/(?P<version>.+))?\Z"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry that holds a resource: its place in the Bundle, fullUrl and resource."""

    index: int
    full_url: str | None
    resource: Mapping[str, Any]

    @property
    def version(self) -> str | None:
        """The `meta.versionId`."""
        meta = self.resource.get("meta")
        return meta.get("versionId") if isinstance(meta, dict) else None


@dataclass(frozen=True, slots=True)
class BundleIndex:
    """Entries by fullUrl, and by `Type/id` of their resource; several of one name also by their version.

    `versioned` are the groups of several whose versions all differ, as `id()` of their tuples.
    """

    entries: tuple[Entry, ...]
    by_url: Mapping[str, tuple[Entry, ...]]
    by_name: Mapping[str, tuple[Entry, ...]]
    versioned: frozenset[int]

    @classmethod
    def of(cls, bundle: Mapping[str, Any]) -> BundleIndex:
        """Read a Bundle; entries without a resource are left out."""
        entries = tuple(_entries(bundle.get("entry")))
        by_url: dict[str, list[Entry]] = {}
        by_name: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.full_url is not None:
                by_url.setdefault(entry.full_url, []).append(entry)
            name = f"{entry.resource.get('resourceType')}/{entry.resource.get('id')}"
            by_name.setdefault(name, []).append(entry)
        groups = (_fixed(by_url), _fixed(by_name))
        several = (group for found in groups for group in found.values() if len(group) > 1)
        versioned = frozenset(
            id(group) for group in several if len({entry.version for entry in group}) == len(group)
        )
        return cls(entries, *groups, versioned)

    def matches(self, reference: str, full_url: str | None) -> tuple[Entry, ...]:
        """Return the entries that a reference names, written in the entry with that fullUrl.

        A relative reference is completed with the base of a RESTful fullUrl; where the entry has no fullUrl
        it goes by type and id, beside any other it names nothing.  A version in the reference has to be that
        of the resource.
        """
        text = reference.partition("#")[0]
        plain, _, version = text.partition(_VERSION)
        found = self._plain(plain, full_url)
        if version and len(found) > 1:
            return self._plain(text, full_url)
        return tuple(entry for entry in found if entry.version == version) if version else found

    def is_versioned(self, found: tuple[Entry, ...]) -> bool:
        """Return whether a group of `matches` holds several entries that their versions tell apart."""
        return id(found) in self.versioned

    def _plain(self, text: str, full_url: str | None) -> tuple[Entry, ...]:
        if not text[:1].isupper() or RELATIVE.match(text) is None:
            return self.by_url.get(text, ())
        home = RESTFUL.match(full_url or "")
        if home is not None:
            return self.by_url.get(home["base"] + text, ())
        return () if full_url is not None else self.by_name.get(text, ())

    def by_uuid(self, reference: str) -> tuple[Entry, ...]:
        """Return the entries whose fullUrl is the URN of the id that a relative reference names."""
        form = RELATIVE.match(reference)
        return () if form is None else self.by_url.get(f"urn:uuid:{form['id']}", ())

    def same_name(self, reference: str) -> tuple[Entry, ...]:
        """Return the entries whose resources have the type and id that a reference ends with."""
        steps = reference.partition("#")[0].partition(_VERSION)[0].rsplit("/", 2)
        return self.by_name.get("/".join(steps[-2:]), ())


def _fixed(groups: Mapping[str, list[Entry]]) -> Mapping[str, tuple[Entry, ...]]:
    fixed = {name: tuple(group) for name, group in groups.items()}
    versions: dict[str, list[Entry]] = {}
    for name, group in groups.items():
        for entry in group if len(group) > 1 else ():
            if entry.version is not None:
                versions.setdefault(f"{name}{_VERSION}{entry.version}", []).append(entry)
    return {name: tuple(group) for name, group in versions.items()} | fixed


def _entries(rows: Any) -> Iterator[Entry]:
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        resource = row.get("resource") if isinstance(row, dict) else None
        if isinstance(resource, dict):
            full_url = row.get("fullUrl")
            yield Entry(index, full_url if isinstance(full_url, str) else None, resource)
