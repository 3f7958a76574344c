"""Which person a transaction names: all its entries together, exactly one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fhir_server.interactions.binding import PATIENT, Binder
from fhir_server.interactions.dispatch import parse_query
from fhir_server.interactions.names import AnyNames, Names, Nobody, Nothing, one_of
from fhir_server.model.outcome import FhirError
from fhir_server.model.reference import ReferenceKind, is_id, parse_reference

TRANSACTION: Final = "transaction"
KINDS: Final = {
    "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "read", "HEAD": "read",
}  # fmt: skip


def naming(binder: Binder, bundle: Mapping[str, Any]) -> AnyNames:
    """Return what the entries of a posted Bundle name together; of one that is no transaction: nothing.

    An entry that names nobody takes part in the record that the others name.  Takes any tree: what is wrong
    with an entry is said by whoever carries it out.
    """
    if bundle.get("type") != TRANSACTION:
        return Nothing()
    entries = _entries(bundle)
    return _Entries(binder, entries).together() if entries else Nothing()


def asked_of(binder: Binder, bundle: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the kind of interaction (a name that stands for those like it) and the type of each entry."""
    for entry in _entries(bundle):
        asked, kind = entry.get("request"), KINDS.get(str(_method(entry)))
        url = asked.get("url") if isinstance(asked, Mapping) else None
        if kind is not None and isinstance(url, str):
            resource_type = binder.below_base(url).partition("?")[0].strip("/").partition("/")[0]
            if resource_type[:1].isupper():
                yield kind, resource_type


def _entries(bundle: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    given = bundle.get("entry")
    return [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []


class _Entries:
    """The entries, with what the fullUrls of those that are Patients stand for."""

    def __init__(self, binder: Binder, entries: Sequence[Mapping[str, Any]]) -> None:
        self._binder = binder
        self._entries = entries
        self._persons: dict[str, AnyNames] = {}
        self._urls: set[str] = set()

    def together(self) -> AnyNames:
        for entry in self._entries:
            url = entry.get("fullUrl")
            if isinstance(url, str):
                self._urls.add(url)
                if _type_of(entry) == PATIENT:
                    self._persons[url] = one_of(self._of_request(entry))
        found = (named for entry in self._entries for named in self._of_entry(entry))
        return one_of(found, spellings=True)

    def _of_entry(self, entry: Mapping[str, Any]) -> Iterator[AnyNames]:
        yield from self._of_request(entry)
        resource = entry.get("resource")
        if isinstance(resource, Mapping) and _method(entry) in ("POST", "PUT") and _type_of(entry) != PATIENT:
            if _type_of(entry) in self._binder.directory:
                yield self._binder.of_resource(resource)
            for text in self._binder.naming(resource):
                yield self._of_reference(text, entry)

    def _of_reference(self, text: str, entry: Mapping[str, Any]) -> AnyNames:
        """Return what a reference names: another entry, which speaks for itself, or what is stored."""
        for url in (text, f"{_base_of(entry)}{text}"):
            if url in self._persons:
                return self._persons[url]
            if url in self._urls:
                return Nobody()
        return self._binder.of_reference(text)

    def _of_request(self, entry: Mapping[str, Any]) -> Iterator[AnyNames]:
        """Yield what the method and the address of an entry name."""
        asked, method = entry.get("request"), _method(entry)
        url = asked.get("url") if isinstance(asked, Mapping) else None
        if not isinstance(url, str) or not isinstance(asked, Mapping):
            return
        path, _, query = self._binder.below_base(url).partition("?")
        resource_type, _, rest = path.strip("/").partition("/")
        id = rest.partition("/")[0]
        if method == "POST" and resource_type == PATIENT and not id:
            condition = asked.get("ifNoneExist")
            yield self._binder.new_person(condition if isinstance(condition, str) else None)
        elif is_id(id):
            if resource_type == PATIENT or method != "PUT":
                yield self._binder.of_address(resource_type, id)
        elif resource_type and method != "POST":
            yield self._of_criteria(resource_type, query, entry)

    def _of_criteria(self, resource_type: str, query: str, entry: Mapping[str, Any]) -> AnyNames:
        try:
            named = self._binder.of_query(resource_type, parse_query(query))
        except FhirError:
            return Nobody()
        resource = entry.get("resource")
        id = resource.get("id") if isinstance(resource, Mapping) else None
        if resource_type == PATIENT and _method(entry) == "PUT" and isinstance(id, str) and is_id(id):
            return one_of([named, Names(id)])
        return named


def _type_of(entry: Mapping[str, Any]) -> str | None:
    resource = entry.get("resource")
    found = resource.get("resourceType") if isinstance(resource, Mapping) else None
    return found if isinstance(found, str) else None


def _method(entry: Mapping[str, Any]) -> Any:
    asked = entry.get("request")
    return asked.get("method") if isinstance(asked, Mapping) else None


def _base_of(entry: Mapping[str, Any]) -> str:
    """Return the base against which relative references of an entry are read."""
    url = entry.get("fullUrl")
    if isinstance(url, str):
        reference = parse_reference(url)
        if reference.kind is ReferenceKind.ABSOLUTE and reference.base is not None:
            return reference.base
    return ""
