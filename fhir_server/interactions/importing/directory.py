"""What a document holds that is of no person: found by identifier, or by all that it says, else created once.

Two documents that say exactly the same of a practitioner without identifiers speak of one entry of the
directory; where they differ they do not, and nothing is ever overwritten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from fhir_server.interactions.context import Context
from fhir_server.interactions.importing.delivery import identifying
from fhir_server.interactions.importing.person import criteria_of
from fhir_server.interactions.lookup import bind, find
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.own import IMPORTED, identifier_system

WHOLE: Final = frozenset({"PractitionerRole", "Medication"})
"""Types whose identifiers are those of something wider (who holds the role, the product of a batch)."""

AT_ONCE: Final = 50
"""Identifiers that are looked up in one query."""

Resource = dict[str, Any]
Pair = tuple[str, str]


class Keys:
    """The keys of the resources of one document, by fullUrl: what they say, references followed."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self._resources = resources
        self._known: dict[str, str] = {}

    def of(self, url: str) -> str:
        """Return the key of a resource: equal for those that say the same, in whatever document."""
        if url not in self._known:
            self._known[url] = ""  # a circle says nothing
            said = exact_json.encode(self._followed(self._resources[url]))
            self._known[url] = hashlib.sha256(said).hexdigest()
        return self._known[url]

    def _followed(self, value: Any) -> Any:
        if type(value) is dict:
            return {name: self._followed(item) for name, item in sorted(value.items())}
        if type(value) is list:
            return [self._followed(item) for item in value]
        return self.of(value) if type(value) is str and value in self._resources else value


def entry_of(keys: Keys, url: str, resource: Resource, base: str) -> tuple[Resource, Pair]:
    """Return a resource of the directory and the identifier, (system, value), by which it is found again."""
    identifiers = resource.get("identifier", [])
    identifiers = identifiers if isinstance(identifiers, list) else [identifiers]
    pairs = () if resource["resourceType"] in WHOLE else identifying(identifiers)
    if pairs:
        return resource, pairs[0]
    pair = (identifier_system(base, IMPORTED), keys.of(url))
    own = {"system": pair[0], "value": pair[1]}
    return {**resource, "identifier": [*identifiers, own]}, pair


def look_up(context: Context, request: Request, wanted: Mapping[str, tuple[str, Pair]]) -> Mapping[str, str]:
    """Return what is there of `wanted`, fullUrl → (type, identifier), as fullUrl → `Type/id`.

    Of several with one identifier it is the oldest.  One round trip for each type, or a few.
    """
    by_type: dict[str, dict[Pair, list[str]]] = {}
    for url, (resource_type, pair) in wanted.items():
        by_type.setdefault(resource_type, {}).setdefault(pair, []).append(url)
    found: dict[str, str] = {}
    for resource_type, urls in by_type.items():
        pairs = list(urls)
        for first in range(0, len(pairs), AT_ONCE):
            text = criteria_of(pairs[first : first + AT_ONCE])
            asked = bind(context, request, resource_type, text, count=AT_ONCE * 4)
            for stored in sorted(find(context, request, asked), key=lambda one: one.id):
                for pair in _pairs_of(exact_json.decode(stored.body)):
                    for url in urls.get(pair, ()):
                        found.setdefault(url, f"{resource_type}/{stored.id}")
    return found


def contained_in(resource: Resource, apart: Mapping[str, Resource]) -> Resource:
    """Return a resource that holds what it refers to of `apart` (by fullUrl), instead of referring to it."""
    urls = dict.fromkeys(url for url in _links(resource) if url in apart) if apart else {}
    if not urls:
        return resource
    taken = {one.get("id") for one in resource.get("contained", ())}
    names: dict[str, str] = {}
    for url in urls:
        number = next(n for n in range(1, len(taken) + 2) if f"entry-{n}" not in taken)
        names[url] = f"entry-{number}"
        taken.add(names[url])
    # What is contained has the labels of what holds it, and none of its own (dom-5).
    held = [{"resourceType": apart[url]["resourceType"], "id": name, **_rest(apart[url])}
            for url, name in names.items()]  # fmt: skip
    linked: Resource = _linked(resource, names)
    linked["contained"] = [*linked.get("contained", ()), *held]
    return linked


def without_targets(provenance: Resource, urls: Collection[str | None]) -> Resource | None:
    """Return a Provenance that says nothing of these; None where nothing is left."""
    left = [one for one in provenance.get("target", ()) if one.get("reference") not in urls]
    return {**provenance, "target": left} if left else None


def _pairs_of(resource: Resource) -> Iterator[Pair]:
    for one in resource.get("identifier", ()):
        yield str(one.get("system", "")), str(one.get("value", ""))


def unlabelled(resource: Resource) -> Resource:
    """Return a resource without labels: those of the document are not those of whom it speaks of."""
    meta = {name: value for name, value in (resource.get("meta") or {}).items() if name != "security"}
    bare = {name: value for name, value in resource.items() if name != "meta"}
    return {"resourceType": resource["resourceType"], "meta": meta, **bare} if meta else bare


def _rest(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name not in ("resourceType", "meta")}


def _links(value: Any) -> Iterator[str]:
    if type(value) is dict:
        text = value.get("reference")
        if type(text) is str:
            yield text
        for item in value.values():
            yield from _links(item)
    elif type(value) is list:
        for item in value:
            yield from _links(item)


def _linked(value: Any, names: Mapping[str, str]) -> Any:
    if type(value) is dict:
        made = {name: _linked(item, names) for name, item in value.items()}
        if type(value.get("reference")) is str and value["reference"] in names:
            made["reference"] = "#" + names[value["reference"]]
        return made
    return [_linked(item, names) for item in value] if type(value) is list else value
