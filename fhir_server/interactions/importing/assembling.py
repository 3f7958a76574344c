"""The entries of a transaction that deposits a converted document.

What was read from the document says so in `meta.source`, which names the DocumentReference of the original:
by it the labels of the document flow to all that it says, and by it all of that is found again.
Spec: https://hl7.org/fhir/R4/resource-definitions.html#Meta.source
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhir_server.interactions.context import Context
from fhir_server.interactions.importing.delivery import Delivery
from fhir_server.interactions.importing.directory import (
    Keys,
    Pair,
    contained_in,
    entry_of,
    look_up,
    unlabelled,
    without_targets,
)
from fhir_server.interactions.importing.known import DOCUMENT, Known, master_of
from fhir_server.interactions.importing.person import PATIENT, Person, criteria_of
from fhir_server.interactions.importing.superseding import superseded
from fhir_server.interactions.request import Request
from fhir_server.search.owner_rules import owner_rule

PROVENANCE: Final = "Provenance"
UNSOURCED: Final = frozenset({PATIENT, "Binary"})

Resource = dict[str, Any]
Entry = dict[str, Any]


class Assembly:
    """Makes the entries of one document; the first is the DocumentReference.

    `addresses`: fullUrl → `Type/id` of what needs no entry, because it is there already.
    """

    def __init__(
        self, context: Context, request: Request, delivery: Delivery, person: Person, known: Known
    ) -> None:
        self._context = context
        self._delivery = delivery
        self._known = known
        self._person = person
        self._resources = {one["fullUrl"]: one["resource"] for one in delivery.entries}
        self._shared = {url for url, resource in self._resources.items() if self._is_shared(resource)}
        for url in (*self._shared, delivery.subject):
            if url in self._resources:
                self._resources[url] = unlabelled(self._resources[url])
        self._apart = {} if context.policy is None else {
            url: self._resources[url] for url in self._shared
            if self._resources[url]["resourceType"] not in request.view.directory
        }  # fmt: skip
        self._directory = self._entries_of_directory()
        self.addresses = self._look_up(request)

    def entries(self) -> list[Entry]:
        """Return the entries; some have criteria under which they are there already, if they come at once."""
        return [
            {"fullUrl": url, "resource": resource, "request": asked}
            for url, given in self._resources.items() if url not in self._apart and url not in self.addresses
            for resource, asked in self._entry(url, given)
        ]  # fmt: skip

    def _entries_of_directory(self) -> Mapping[str, tuple[Resource, Pair]]:
        keys, base = Keys(self._resources), self._context.canonical_base
        urls = [url for url in self._resources if url in self._shared and url not in self._apart]
        return {url: entry_of(keys, url, self._resources[url], base) for url in urls}

    def _look_up(self, request: Request) -> Mapping[str, str]:
        wanted = {url: (one["resourceType"], pair) for url, (one, pair) in self._directory.items()}
        found = dict(look_up(self._context, request, wanted))
        subject = self._delivery.subject
        if subject is not None and self._person.id is not None:
            found[subject] = f"{PATIENT}/{self._person.id}"
        return found

    def _entry(self, url: str, given: Resource) -> Iterator[tuple[Resource, dict[str, str]]]:
        resource: Resource | None = given
        asked = {"method": "POST", "url": given["resourceType"]}
        criteria = None
        if url == self._delivery.subject:
            criteria = self._person.criteria
        elif url in self._directory:
            resource, pair = self._directory[url]
            criteria = criteria_of([pair])
        else:
            resource = self._of_record(url, given, contained_in(given, self._apart))
        if url == self._delivery.entries[0]["fullUrl"]:
            criteria = criteria_of([master_of(self._delivery)])
        if resource is not None:
            yield resource, asked if criteria is None else {**asked, "ifNoneExist": criteria}

    def _of_record(self, url: str, given: Resource, resource: Resource) -> Resource | None:
        source = self._delivery.entries[0]["fullUrl"]
        if given["resourceType"] == PROVENANCE:
            # A Patient, and what is of the directory, may be there already: not made from this document.
            left = without_targets(resource, {*self._shared, self._delivery.subject})
            if left is None:
                return None
            resource = left
        if url == source:
            resource = self._document(resource)
        elif given["resourceType"] not in UNSOURCED:
            resource = _sourced(resource, source)
        return superseded(resource) if self._known.later else resource

    def _document(self, resource: Resource) -> Resource:
        system, value = master_of(self._delivery)
        if "masterIdentifier" not in resource:
            resource = {**resource, "masterIdentifier": {"system": system, "value": value}}
        return linked(resource, {key: stored.id for key, stored in self._known.related.items()})

    def _is_shared(self, resource: Resource) -> bool:
        """Return whether a resource is of no person: by its type, or because it names nobody."""
        resource_type = resource["resourceType"]
        if resource_type in (PATIENT, "Binary", PROVENANCE):
            return False
        rule = owner_rule(self._context.registry, resource_type)
        if not (rule.deciding or rule.fallback or rule.targets):
            return True
        return next(iter(self._context.owners.naming(resource)), None) is None


def linked(document: Resource, ids: Mapping[tuple[str, str], str]) -> Resource:
    """Return a DocumentReference whose relations lead to the documents that are there, by identifier."""
    relations = []
    for relation in document.get("relatesTo", ()):
        target = relation.get("target", {})
        identifier = target.get("identifier", {})
        id = ids.get((str(identifier.get("system", "")), str(identifier.get("value", ""))))
        if id is not None:
            relation = {**relation, "target": {**target, "reference": f"{DOCUMENT}/{id}"}}
        relations.append(relation)
    return {**document, "relatesTo": relations} if relations else document


def _sourced(resource: Resource, source: str) -> Resource:
    meta = {**(resource.get("meta") or {}), "source": source}
    if "meta" in resource:
        return {**resource, "meta": meta}
    return {"resourceType": resource["resourceType"], "meta": meta, **resource}
