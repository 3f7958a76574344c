"""A profile as it is kept in `profiles.json`: what differs from the type, element by element.

An element is its id alone where the type says the same, else its id and what differs.  Unpacking gives back
the very same Profile; `packed` proves it each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Raw

from profiles.definitions import (
    Binding,
    Discriminator,
    ElementDefinition,
    ExtensionContext,
    Invariant,
    NarrativeControl,
    Profile,
    ProfileElement,
    Slicing,
    StructureDefinition,
    TypeRef,
)
from profiles.package import DefinitionError
from profiles.snapshot_tree import type_element

Facts = dict[str, Any]
Structures = Mapping[str, StructureDefinition]

_NAMES = tuple(each.name for each in fields(ProfileElement) if each.name not in ("id", "path", "slice_name"))
_DEFAULTS = {each.name: each.default for each in fields(ProfileElement) if each.default is not MISSING}
_EMPTY = {"min": 0, "max": None, "types": ()} | _DEFAULTS
_SHARED = ("Element", "Extension")
"""Types whose invariants are looked for where the type of an element does not have one."""


class _Packed(msgspec.Struct):
    name: str
    type: str
    base: str
    kind: Any
    elements: list[Any]
    version: str | None = None
    abstract: bool = False
    invariants: dict[str, list[Any]] = {}
    """Severity, expression and, where it has one, its sentence."""
    contexts: tuple[tuple[Any, str], ...] = ()
    context_invariants: tuple[str, ...] = ()
    follows: str | None = None


_DECODER = msgspec.json.Decoder(_Packed, float_hook=Raw)


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where an element comes from: the type whose snapshot has it (or none has), and its path there."""

    structure: StructureDefinition | None
    path: str
    element: ElementDefinition | None


_NOWHERE = _Origin(None, "", None)


def packed(profile: Profile, structures: Structures) -> Facts:
    """Return the facts of a profile, small.  Raises DefinitionError if they would not give it back."""
    origins = _Origins(profile.type, structures)
    rows: list[Any] = []
    invariants: dict[str, list[str]] = {}
    for element in profile.elements:
        origin = origins.of(element.id, element.path)
        rows.append(_row(element, origin))
        origins.note(element, origin)
        for key in element.constraints:
            rule = profile.invariants[key]
            if origins.rule(origin, key) != rule or rule.key != key:
                sentence = [rule.human] if rule.human != rule.key else []
                invariants[key] = [rule.severity, rule.expression, *sentence]
    facts = _head(profile) | {"invariants": dict(sorted(invariants.items())), "elements": rows}
    facts = {key: value for key, value in facts.items() if value not in (None, False, {}, (), [])}
    if unpacked(profile.url, Raw(msgspec.json.encode(facts)), structures) != profile:
        raise DefinitionError(profile.url, None, "cannot be kept exactly; its element ids do not fit")
    return facts


def unpacked(url: str, text: Raw, structures: Structures) -> Profile:
    """Return the profile whose facts are `text`.  Raises msgspec.DecodeError if they are damaged."""
    read = _DECODER.decode(text)
    origins = _Origins(read.type, structures)
    own = {key: _invariant(key, *rule) for key, rule in read.invariants.items()}
    found: dict[str, Invariant] = {}
    elements = []
    for row in read.elements:
        id, said = (row, {}) if isinstance(row, str) else row
        origin = origins.of(id, _path(id))
        element = _element(id, said, origin)
        origins.note(element, origin)
        elements.append(element)
        for key in element.constraints:
            rule = own.get(key) or origins.rule(origin, key)
            if rule is not None:
                found[key] = rule
    return Profile(
        url=url,
        version=read.version,
        name=read.name,
        type=read.type,
        base=read.base,
        kind=read.kind,
        abstract=read.abstract,
        elements=tuple(elements),
        invariants=MappingProxyType(found),
        contexts=tuple(ExtensionContext(*context) for context in read.contexts),
        context_invariants=read.context_invariants,
        follows=read.follows,
    )


class _Origins:
    """Finds, for the elements of one profile in their order, what the types say about them."""

    def __init__(self, type_name: str, structures: Structures) -> None:
        self._structures = structures
        self._by_path: dict[str, dict[str, ElementDefinition]] = {}
        self._known: dict[str, tuple[_Origin, tuple[TypeRef, ...]]] = {}
        self._root = self._origin(type_name, type_name)

    def of(self, id: str, path: str) -> _Origin:
        """Return the origin of an element; those above it have been noted."""
        above, dot, _ = id.rpartition(".")
        if not dot:
            return self._root
        origin, types = self._known.get(above, (_NOWHERE, ()))
        name = path.rpartition(".")[2]
        if origin.structure is not None:
            content = origin.element.content if origin.element is not None else None
            found = self._origin(origin.structure.name, f"{content or origin.path}.{name}")
            if found.element is not None:
                return found
        codes = {kind.code for kind in types}
        code = codes.pop() if len(codes) == 1 else "Element"
        return self._origin(code, f"{code}.{name}")

    def note(self, element: ProfileElement, origin: _Origin) -> None:
        """Remember an element for those below it."""
        self._known[element.id] = (origin, element.types)

    def rule(self, origin: _Origin, key: str) -> Invariant | None:
        """Return the invariant of that key which the origin's type has, None if it has none."""
        names = () if origin.structure is None else (origin.structure.name,)
        for name in (*names, *_SHARED):
            structure = self._structures.get(name)
            if structure is not None and key in structure.invariants:
                return structure.invariants[key]
        return None

    def _origin(self, type_name: str, path: str) -> _Origin:
        structure = self._structures.get(type_name)
        if structure is None:
            return _NOWHERE
        if type_name not in self._by_path:
            self._by_path[type_name] = {element.path: element for element in structure.elements}
        element = self._by_path[type_name].get(path)
        return _NOWHERE if element is None else _Origin(structure, path, element)


def _head(profile: Profile) -> Facts:
    return {
        "version": profile.version,
        "name": profile.name,
        "type": profile.type,
        "base": profile.base,
        "kind": profile.kind,
        "abstract": profile.abstract,
        "contexts": [(context.type, context.expression) for context in profile.contexts],
        "context_invariants": profile.context_invariants,
        "follows": profile.follows,
    }


def _row(element: ProfileElement, origin: _Origin) -> Any:
    expected = _expected(origin)
    said = {
        name: _plain(getattr(element, name)) for name in _NAMES if getattr(element, name) != expected[name]
    }
    return [element.id, said] if said else element.id


def _expected(origin: _Origin) -> Facts:
    if origin.element is None:
        return _EMPTY
    element = type_element(origin.element)
    return {name: getattr(element, name) for name in _NAMES}


def _element(id: str, said: Facts, origin: _Origin) -> ProfileElement:
    facts = _expected(origin) | {name: _MAKERS.get(name, _same)(value) for name, value in said.items()}
    return ProfileElement(id=id, path=_path(id), slice_name=_slice_name(id), **facts)


def _path(id: str) -> str:
    return ".".join(step.partition(":")[0] for step in id.split("."))


def _slice_name(id: str) -> str | None:
    return id.rpartition(".")[2].partition(":")[2] or None


def _plain(value: Any) -> Any:
    """The value as JSON: dataclasses as the shortest form that `_MAKERS` reads."""
    match value:
        case Binding():
            return [value.strength, value.value_set, *([value.max_value_set] if value.max_value_set else [])]
        case Slicing():
            ways = [[each.type, each.path] for each in value.discriminators]
            return [value.rules, ways, *([True] if value.ordered else [])]
        case NarrativeControl():
            return [value.languages, *([value.sources] if value.sources else [])]
        case TypeRef():
            return _plain_type(value)
        case tuple():
            return [_plain(each) for each in value]
        case _:
            return value


def _plain_type(kind: TypeRef) -> Any:
    if not kind.targets and not kind.profiles:
        return kind.code
    return [kind.code, kind.targets, *([kind.profiles] if kind.profiles else [])]


def _type(plain: Any) -> TypeRef:
    if isinstance(plain, str):
        return TypeRef(plain)
    code, targets, *profiles = plain
    return TypeRef(code, tuple(targets), tuple(profiles[0]) if profiles else ())


def _types(plain: Iterable[Any]) -> tuple[TypeRef, ...]:
    return tuple(_type(each) for each in plain)


def _binding(plain: Any) -> Binding | None:
    return None if plain is None else Binding(*plain)


def _slicing(plain: Any) -> Slicing | None:
    if plain is None:
        return None
    rules, ways, *ordered = plain
    return Slicing(tuple(Discriminator(*way) for way in ways), rules, bool(ordered))


def _same(value: Any) -> Any:
    return value


def _further(plain: Iterable[Any]) -> tuple[Binding, ...]:
    return tuple(Binding(*each) for each in plain)


def _narrative(plain: Any) -> NarrativeControl | None:
    return None if plain is None else NarrativeControl(tuple(plain[0]), *plain[1:])


_MAKERS: Mapping[str, Callable[[Any], Any]] = {
    "types": _types,
    "binding": _binding,
    "slicing": _slicing,
    "constraints": tuple,
    "alternatives": tuple,
    "further": _further,
    "narrative": _narrative,
}


def _invariant(place: str, severity: Any, expression: str, human: str | None = None) -> Invariant:
    key = place.partition("~")[0]
    return Invariant(key, severity, expression, human or key)
