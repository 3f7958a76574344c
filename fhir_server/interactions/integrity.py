"""Referential integrity, where the operator asks for it: no reference to nothing, nothing referenced deleted.

What is checked is what is stored at that moment: two requests that meet in the same instant, one deleting
what the other one begins to reference, both go through.
Spec: https://hl7.org/fhir/R4/http.html#delete
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request
from fhir_server.interactions.transaction.links import LinkFault
from fhir_server.model.document import Document
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.reference import ReferenceKind, parse_reference
from fhir_server.search.planner import plan
from fhir_server.search.request import parse

Name = tuple[str, str]
"""Type and id."""
Integrity = Callable[[Context, Request, Sequence[Document], Sequence[Document]], None]
"""`check`, where it is wanted: what is written, what is deleted."""


@dataclass(frozen=True, slots=True)
class _Collecting:
    """A walk over links that changes nothing: notes local references, refuses those in `missing`."""

    base_url: str
    names: set[Name] = field(default_factory=set)
    missing: frozenset[Name] = frozenset()

    def reference(self, text: str) -> str:
        parsed = parse_reference(text, self.base_url)
        is_local = parsed.kind is ReferenceKind.RELATIVE and not parsed.base
        if is_local and parsed.type is not None and parsed.id is not None:
            name = (parsed.type, parsed.id)
            self.names.add(name)
            if name in self.missing:
                raise LinkFault(
                    "unresolved-reference", f"The {parsed.type} that is referenced does not exist."
                )
        return text

    def uri(self, text: str) -> str:
        return text

    def name(self, text: str) -> str:
        return text


def check(
    context: Context,
    request: Request,
    written: Sequence[Document],
    gone: Sequence[Document],
) -> None:
    """Raise FhirError unless what is written references what will be there, and nothing else what will not.

    `unresolved-reference` for a local reference to what neither exists nor is written; `referenced` for a
    deletion: the text names the types of the referrers, never which they are.
    """
    _check_references(context, request, written, {_name(document) for document in gone})
    together = {_name(document) for document in (*written, *gone)}
    for document in gone:
        types = list(_referring_types(context, request, document, together))
        if types:
            text = f"It is referenced by resources of these types: {', '.join(types)}. Change those first."
            raise refuse("referenced", text, document.facts.resource_type)


def _check_references(
    context: Context, request: Request, written: Sequence[Document], gone: set[Name]
) -> None:
    collecting = _Collecting(context.base_url)
    _walk(context, written, collecting)
    names = collecting.names - {_name(document) for document in written}
    missing = frozenset(_missing(context, request, names - gone)) | (names & gone)
    if missing:
        _walk(context, written, replace(collecting, missing=missing))


def _walk(context: Context, written: Sequence[Document], collecting: _Collecting) -> None:
    for document in written:
        if document.resource is None:
            continue
        try:
            context.links.rewrite(document.resource, collecting)
        except LinkFault as fault:
            raise FhirError(fault.issue(document.facts.resource_type)) from None


def _missing(context: Context, request: Request, names: Iterable[Name]) -> Iterator[Name]:
    by_type: dict[str, list[str]] = {}
    for resource_type, id in names:
        by_type.setdefault(resource_type, []).append(id)
    for resource_type, ids in by_type.items():
        found: dict[str, bool] = {}
        if resource_type in context.registry.resource_types:
            stored = context.records.read_many(resource_type, ids, request.view)
            found = {id: not one.deleted for id, one in stored.items()}
        yield from ((resource_type, id) for id in ids if not found.get(id))


def _referring_types(
    context: Context, request: Request, document: Document, together: set[Name]
) -> Iterator[str]:
    catalogue = context.indexer.catalogue
    target, id = _name(document)
    for resource_type in sorted(context.registry.resource_types):
        for code, parameter in catalogue.of(resource_type).by_code.items():
            if parameter.type != "reference" or target not in parameter.targets:
                continue
            asked = parse(catalogue, resource_type, [(code, f"{target}/{id}")], now=request.now)
            bound = plan(
                asked, systems=context.systems, owner=request.view.owner_for(asked.resource_type),
                cross_person_types=context.cross_person_types,
            )  # fmt: skip
            page = context.records.search(replace(bound, count=len(together) + 1), request.view)
            if any((one.resource_type, one.id) not in together for one in page.entries):
                yield resource_type
                break


def _name(document: Document) -> Name:
    return document.facts.resource_type, document.facts.id
