"""Where a resource of each type can hold a link, compiled from the definitions.

Links are `Reference.reference`, elements of the types uri, url, oid and uuid, and `href` and `src` in the
narrative.  A canonical, a string or a markdown text is none.  A Bundle that is only stored is a world of its
own: nothing in its resources is touched.
Spec: https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from fhir_server.model.outcome import Issue
from profiles.definitions import ElementDefinition, StructureDefinition, TypeRef
from profiles.registry import Registry

URIS = frozenset({"uri", "url", "oid", "uuid"})
_ATTRIBUTE = re.compile(r"""(\s(?:href|src)\s*=\s*)(?:"([^"]*)"|'([^']*)')""")

Step = Callable[[Any, "Resolver"], Any]
Steps = Mapping[str, Step]


class Resolver(Protocol):
    """Says what a link becomes; a text that it does not know stays as it is."""

    def reference(self, text: str) -> str:
        """Return a `Reference.reference`.  Raises LinkFault where it leads nowhere."""
        ...

    def uri(self, text: str) -> str:
        """Return a link of a uri-typed element or of the narrative."""
        ...

    def name(self, text: str) -> str:
        """Return a uri that names a system or a definition rather than linking to it."""
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


class Links:
    """The compiled places, type by type, made at first use."""

    def __init__(self, registry: Registry) -> None:
        self._structures = registry.structures
        self._steps: dict[str, Steps] = {}

    def rewrite(self, resource: dict[str, Any], resolver: Resolver) -> dict[str, Any]:
        """Return the resource with its links resolved; what does not change is shared, not copied.

        Raises LinkFault from the resolver, with the place.
        """
        return _walk(resource, self._of(resource["resourceType"]), resolver)

    def _of(self, type_name: str) -> Steps:
        steps = self._steps.get(type_name)
        if steps is None:
            structure = self._structures[type_name]
            steps = self._steps[type_name] = self._below(structure, structure.elements[0].path)
        return steps

    def _below(self, structure: StructureDefinition, path: str) -> Steps:
        steps: dict[str, Step] = {}
        for element in _children(structure, path):
            name = element.name.removesuffix("[x]")
            for key, type_ref in _keys(element):
                step = self._step(structure, element, type_ref)
                if step is not None:
                    steps[key] = _each(step, name)
                if type_ref is not None and type_ref.code[0].islower():
                    steps["_" + key] = _each(self._object("Element"), name)
        return steps

    def _step(
        self, structure: StructureDefinition, element: ElementDefinition, type_ref: TypeRef | None
    ) -> Step | None:
        if element.content is not None:
            return self._part(structure, element.content.lstrip("#"))
        code = "" if type_ref is None else type_ref.code
        if code in URIS:
            return _name if _is_name(structure, element) else _uri
        if code == "xhtml":
            return _narrative
        if code == "Reference":
            return self._reference
        if code in ("BackboneElement", "Element") and next(_children(structure, element.path), None):
            return self._part(structure, element.path)
        if code in ("Resource", "DomainResource"):
            return None if structure.name == "Bundle" else self._resource
        return self._object(code) if code[:1].isupper() else None

    def _part(self, structure: StructureDefinition, path: str) -> Step:
        made: list[Steps] = []

        def part(value: Any, resolver: Resolver) -> Any:
            # Made at first use: a content reference can lead back to where it stands.
            if not made:
                made.append(self._below(structure, path))
            return _walk(value, made[0], resolver)

        return part

    def _object(self, type_name: str) -> Step:
        def walk(value: Any, resolver: Resolver) -> Any:
            return _walk(value, self._of(type_name), resolver)

        return walk

    def _resource(self, value: Any, resolver: Resolver) -> Any:
        return self.rewrite(value, resolver)

    def _reference(self, value: Any, resolver: Resolver) -> Any:
        text = value.get("reference")
        walked = _walk(value, self._of("Reference"), resolver)
        if not isinstance(text, str):
            return walked
        try:
            resolved = resolver.reference(text)
        except LinkFault as fault:
            fault.steps.insert(0, ".reference")
            raise
        return walked if resolved == text else {**walked, "reference": resolved}


def _walk(node: dict[str, Any], steps: Steps, resolver: Resolver) -> dict[str, Any]:
    changed: dict[str, Any] | None = None
    for key, value in node.items():
        step = steps.get(key)
        if step is None:
            continue
        resolved = step(value, resolver)
        if resolved is not value:
            changed = dict(node) if changed is None else changed
            changed[key] = resolved
    return node if changed is None else changed


def _each(step: Step, name: str) -> Step:
    """Return the step for the value of an element, be it one or a list; lists of primitives can hold None."""
    place = f".{name}"

    def each(value: Any, resolver: Resolver) -> Any:
        if type(value) is not list:
            return _at(step, value, resolver, place)
        resolved = [
            item if item is None else _at(step, item, resolver, place, position)
            for position, item in enumerate(value)
        ]
        return value if all(map(_is, resolved, value)) else resolved

    return each


def _at(step: Step, value: Any, resolver: Resolver, name: str, position: int | None = None) -> Any:
    try:
        return step(value, resolver)
    except LinkFault as fault:
        fault.steps.insert(0, name if position is None else f"{name}[{position}]")
        raise


def _is(one: Any, other: Any) -> bool:
    return one is other


def _uri(value: Any, resolver: Resolver) -> Any:
    return _same(value, resolver.uri(value))


def _name(value: Any, resolver: Resolver) -> Any:
    return _same(value, resolver.name(value))


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
