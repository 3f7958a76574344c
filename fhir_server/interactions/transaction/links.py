"""Where a resource of each type can hold a link, compiled from the definitions.

Links are `Reference.reference`, elements of the types uri, url, oid and uuid, and `href` and `src` in the
narrative.  A canonical, a string or a markdown text is none.  A Bundle that is only stored is a world of its
own: nothing in its resources is touched.
Spec: https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from fhir_server.model.outcome import Issue
from profiles.definitions import ElementDefinition, StructureDefinition, TypeRef
from profiles.registry import Registry

URIS = frozenset({"uri", "url", "oid", "uuid"})
PLACEHOLDER: Final = "urn:"
_ATTRIBUTE = re.compile(r"""(\s(?:href|src)\s*=\s*)(?:"([^"]*)"|'([^']*)')""")

Step = Callable[[Any, "Resolver"], Any]
Place = tuple[Step | None, "_Table | None", str]
"""What is done with the value of a key (None: what is below it is looked through), and its element's name."""


class Resolver(Protocol):
    """Says what a link becomes; a text that it does not know stays as it is."""

    def reference(self, text: str) -> str:
        """Return a `Reference.reference`.  Raises LinkFault where it leads nowhere."""
        ...

    def uri(self, text: str) -> str:
        """Return a link of a uri-typed element or of the narrative."""
        ...

    def name(self, text: str) -> str:
        """Return a uri, of the scheme urn, that names a system or a definition rather than linking to it."""
        ...


class LinkFault(Exception):
    """A link cannot be resolved; `steps` lead from the resource to it, innermost last."""

    def __init__(self, situation: str, text: str) -> None:
        super().__init__(text)
        self.situation = situation
        self.text = text
        self.steps: list[str] = []

    def issue(self, root: str) -> Issue:
        """Return the issue with its place below `root`."""
        return Issue(self.situation, self.text, "".join([root, *self.steps]))


class _Table:
    """The places of a type by JSON key, made at first use: a type can lead back to itself."""

    __slots__ = ("_make", "places")

    def __init__(self, make: Callable[[], dict[str, Place]]) -> None:
        self._make = make
        self.places: dict[str, Place] | None = None

    def fill(self) -> dict[str, Place]:
        places = self.places = self._make()
        return places


class Links:
    """The compiled places, type by type, made at first use."""

    def __init__(self, registry: Registry) -> None:
        self._structures = registry.structures
        self._tables: dict[str, _Table] = {}

    def rewrite(self, resource: dict[str, Any], resolver: Resolver) -> dict[str, Any]:
        """Return the resource with its links resolved; what does not change is shared, not copied.

        Raises LinkFault from the resolver, with the place.
        """
        return _walk(resource, self._of(resource["resourceType"]), resolver)

    def _of(self, type_name: str) -> _Table:
        table = self._tables.get(type_name)
        if table is None:
            structure = self._structures[type_name]
            table = self._tables[type_name] = _Table(
                lambda: self._below(structure, structure.elements[0].path)
            )
        return table

    def _below(self, structure: StructureDefinition, path: str) -> dict[str, Place]:
        places: dict[str, Place] = {}
        for element in _children(structure, path):
            name = element.name.removesuffix("[x]")
            for key, type_ref in _keys(element):
                found = self._place(structure, element, type_ref)
                if found != _NOTHING:
                    places[key] = (*found, name)
                if type_ref is not None and type_ref.code[0].islower():
                    places["_" + key] = (None, self._of("Element"), name)
        return places

    def _place(
        self, structure: StructureDefinition, element: ElementDefinition, type_ref: TypeRef | None
    ) -> tuple[Step | None, _Table | None]:
        if element.content is not None:
            return None, self._part(structure, element.content.lstrip("#"))
        code = "" if type_ref is None else type_ref.code
        if code in URIS:
            return (_name if _is_name(structure, element) else _uri), None
        if code == "xhtml":
            return _narrative, None
        if code == "Reference":
            return self._reference, None
        if code in ("BackboneElement", "Element") and next(_children(structure, element.path), None):
            return None, self._part(structure, element.path)
        if code in ("Resource", "DomainResource"):
            return _NOTHING if structure.name == "Bundle" else (self._resource, None)
        return (None, self._of(code)) if code[:1].isupper() else _NOTHING

    def _part(self, structure: StructureDefinition, path: str) -> _Table:
        return _Table(lambda: self._below(structure, path))

    def _resource(self, value: Any, resolver: Resolver) -> Any:
        return self.rewrite(value, resolver)

    def _reference(self, value: Any, resolver: Resolver) -> Any:
        text = value.get("reference")
        plain = text is not None and len(value) == 1 + ("display" in value)
        walked = value if plain else _walk(value, self._of("Reference"), resolver)
        if not isinstance(text, str):
            return walked
        try:
            resolved = resolver.reference(text)
        except LinkFault as fault:
            fault.steps.insert(0, ".reference")
            raise
        return walked if resolved == text else {**walked, "reference": resolved}


_NOTHING: Final[tuple[None, None]] = (None, None)
"""What is no link and leads to none."""


def _walk(node: dict[str, Any], table: _Table, resolver: Resolver) -> dict[str, Any]:
    """Return the node with its links resolved, itself where nothing changes.

    One function for all that is below a node: it runs over every element that is written.
    """
    places = table.places
    if places is None:
        places = table.fill()
    changed: dict[str, Any] | None = None
    for key, value in node.items():
        place = places.get(key)
        if place is None:
            continue
        step, below, name = place
        resolved: Any
        try:
            if type(value) is list:
                resolved = _items(value, step, below, resolver)
            elif below is not None:
                resolved = _walk(value, below, resolver)
            else:
                assert step is not None
                resolved = step(value, resolver)
        except LinkFault as fault:
            fault.steps.insert(0, f".{name}")
            raise
        if resolved is not value:
            changed = dict(node) if changed is None else changed
            changed[key] = resolved
    return node if changed is None else changed


def _items(values: list[Any], step: Step | None, below: _Table | None, resolver: Resolver) -> list[Any]:
    """Return the values of an element that repeats; lists of primitives can hold None."""
    changed: list[Any] | None = None
    for position, value in enumerate(values):
        if value is None:
            continue
        try:
            if below is not None:
                resolved = _walk(value, below, resolver)
            else:
                assert step is not None
                resolved = step(value, resolver)
        except LinkFault as fault:
            fault.steps.insert(0, f"[{position}]")
            raise
        if resolved is not value:
            changed = list(values) if changed is None else changed
            changed[position] = resolved
    return values if changed is None else changed


def _uri(value: Any, resolver: Resolver) -> Any:
    return _same(value, resolver.uri(value))


def _name(value: Any, resolver: Resolver) -> Any:
    # Only what a placeholder can stand for is asked about: a name is nearly always that of a code system.
    return _same(value, resolver.name(value)) if value.startswith(PLACEHOLDER) else value


def _narrative(value: Any, resolver: Resolver) -> Any:
    def attribute(match: re.Match[str]) -> str:
        text = html.unescape(match[2] if match[2] is not None else match[3])
        resolved = resolver.uri(text)
        return match[0] if resolved == text else f'{match[1]}"{html.escape(resolved)}"'

    return _same(value, _ATTRIBUTE.sub(attribute, value))


def _same(before: Any, after: Any) -> Any:
    """Return `before` itself where nothing changed, so that callers can compare by identity."""
    return before if before == after else after


def _children(structure: StructureDefinition, path: str) -> Iterator[ElementDefinition]:
    prefix = path + "."
    for element in structure.elements:
        if element.path.startswith(prefix) and "." not in element.path[len(prefix) :]:
            yield element


def _keys(element: ElementDefinition) -> Iterator[tuple[str, TypeRef | None]]:
    if element.content is not None:
        yield element.name, None
    elif element.is_choice:
        for type_ref in element.types:
            yield element.name[:-3] + type_ref.code[0].upper() + type_ref.code[1:], type_ref
    elif element.types:
        yield element.name, element.types[0]


def _is_name(structure: StructureDefinition, element: ElementDefinition) -> bool:
    """Whether a uri names something rather than linking to it: a code system, an extension, a definition."""
    if element.name == "system":
        return True
    own = structure.elements[0].path
    return (
        element.name == "url"
        and element.path == f"{own}.url"
        and structure.kind != "primitive-type"
        and (structure.kind == "resource" or own == "Extension")
    )
