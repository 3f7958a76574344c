"""All search parameters of every type, resolved from the Registry once and on demand.

Two parameters that say the same share one spelling: `patient` is `subject` restricted to Patient,
`combo-code` is `code` or `component-code`.  So each fact is written once and asked for under its one name.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from fhir_server.fhirpath import FhirPathSyntaxError, compile
from fhir_server.search.expression import RESOURCE, ResolvesTo, read_path, split_union
from fhir_server.search.filter_expression import FILTER
from fhir_server.search.owner_rules import OwnerRule, owner_rule
from fhir_server.search.pairing import Pairing, pairings
from fhir_server.search.parameter import Codes, Parameter, Setting
from fhir_server.search.sort_dates import sort_dates
from fhir_server.search.source import Elements, Hop, Source, parameter_sources, root_of, sources
from fhir_server.search.types.composite import PART_TYPES, why_not
from fhir_server.search.types.token import CONTACT_USES
from fhir_server.search.words import CONTENT, TEXT
from profiles.definitions import SearchParameter
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel
from terminology.local import LocalConcepts
from terminology.ports import Concepts

_FIRST_NAME = re.compile(r"\W*(?P<name>[A-Z]\w*)")

ALWAYS_RESIDUAL = frozenset({"_tag", "_security", "_profile", "_source"})
"""Asked for rarely, and as good as the same for many documents."""

SPECIAL = frozenset({"_id", "_lastUpdated"})
"""Facts of the document itself, for which nothing is extracted."""

FULL_TEXT = frozenset({TEXT, CONTENT})
NO_WORDS = "the words of sealed resources are not kept beside them"
"""Why full text is not searched where bodies are sealed."""


@dataclass(frozen=True, slots=True)
class TypeParameters:
    """The parameters of one type by code, and why the rest of its definitions cannot be searched."""

    by_code: Mapping[str, Parameter]
    unsupported: Mapping[str, str]
    rule: OwnerRule
    pairings: tuple[Pairing, ...] = ()


class Catalogue:
    """Resolved parameters by type; immutable but for its cache.

    `base_url` is this server's own (`https://example.org/fhir`), `zone` that of dates without one.
    """

    __slots__ = ("_types", "_types_model", "concepts", "elements", "registry", "setting")

    def __init__(self, registry: Registry, setting: Setting) -> None:
        self.registry = registry
        self.setting = setting
        self.concepts: Concepts = LocalConcepts(registry)
        self.elements = Elements(registry)
        self._types_model = RegistryTypeModel(registry)
        self._types: dict[str, TypeParameters] = {}

    def of(self, resource_type: str) -> TypeParameters:
        """Return the parameters of a resource type; of an unknown type, none."""
        found = self._types.get(resource_type)
        if found is None:
            found = self._types[resource_type] = self._resolve(resource_type)
        return found

    def parameter(self, resource_type: str, code: str) -> Parameter | None:
        """Return one parameter that can be searched, or None."""
        return self.of(resource_type).by_code.get(code)

    def _resolve(self, resource_type: str) -> TypeParameters:
        rule = owner_rule(self.registry, resource_type)
        found: dict[str, Parameter] = {}
        unsupported: dict[str, str] = {}
        for code, definition in sorted(self.registry.parameters.get(resource_type, {}).items()):
            parameter = self._parameter(resource_type, code, definition)
            if isinstance(parameter, str):
                unsupported[code] = parameter
            else:
                found[code] = parameter
        named = share_names(found)
        sorting = {named[code].names for code in sort_dates(resource_type, named)[:1]}
        by_code = {
            code: _with_owner(_with_sort(parameter, sorting), rule, named)
            for code, parameter in named.items()
        }
        return TypeParameters(
            MappingProxyType(by_code), MappingProxyType(unsupported), rule, pairings(by_code)
        )  # fmt: skip

    def _parameter(self, resource_type: str, code: str, definition: SearchParameter) -> Parameter | str:
        if code in SPECIAL:
            return Parameter(resource_type, code, definition.type, (code,))
        if code == FILTER:
            return Parameter(resource_type, code, definition.type, (code,))
        if code in FULL_TEXT:
            text = Parameter(resource_type, code, definition.type, (code,))
            return text if self.setting.words else NO_WORDS
        if definition.type == "special" and definition.expression is None:
            return "it has no expression"
        if code == "_query":
            return "there are no named queries"
        if not definition.expression:
            return "it has no expression"
        if definition.type == "composite":
            return self._composite(resource_type, code, definition)
        found = parameter_sources(self.registry, self.elements, resource_type, code)
        plain = self._plain(resource_type, code, definition, found)
        other = [
            arm
            for arm in split_union(definition.expression)
            if read_path(arm) is None and _root_of(arm) == resource_type
        ]
        if not found and not other:
            return "its expression leads to nothing in this type"
        if not other:
            return plain
        try:
            computed = compile(" | ".join(other), types=self._types_model)
        except FhirPathSyntaxError as error:
            return f"its expression cannot be read: {error}"
        return replace(plain, computed=computed, residual=True)

    def _plain(
        self, resource_type: str, code: str, definition: SearchParameter, found: tuple[Source, ...]
    ) -> Parameter:
        low = all(source.type in ("code", "boolean") for source in found)
        residual = code in ALWAYS_RESIDUAL or (definition.type == "token" and low)
        codes = self._codes(found) if definition.type == "token" else Codes()
        return Parameter(
            resource_type, code, definition.type, (code,), found,
            targets=definition.targets, residual=residual, codes=codes,
        )  # fmt: skip

    def _codes(self, found: Iterable[Source]) -> Codes:
        by_code: dict[str, dict[str, None]] = {}
        systems: dict[str, None] = {}
        is_open = False
        for source in found:
            if source.type == "code":
                for code, system in self._bound_codes(source):
                    by_code.setdefault(code, {})[system] = None
            elif source.type in ("Coding", "CodeableConcept", "Identifier"):
                is_open = True
            else:
                systems.update(dict.fromkeys(CONTACT_USES if source.type == "ContactPoint" else ("",)))
        frozen = {code: tuple(of_code) for code, of_code in by_code.items()}
        return Codes(MappingProxyType(frozen), tuple(systems), is_open)

    def _bound_codes(self, source: Source) -> Iterable[tuple[str, str]]:
        if source.binding is None or source.binding.strength != "required":
            return
        value_set = self.registry.value_sets.get(source.binding.value_set)
        for system, codes in value_set.systems.items() if value_set is not None else ():
            for code in codes:
                yield code, system

    def _composite(self, resource_type: str, code: str, definition: SearchParameter) -> Parameter | str:
        paths = [read_path(arm) for arm in split_union(definition.expression or "")]
        bases = [
            source
            for path in paths
            if path is not None and path.root == resource_type
            for source in sources(self.elements, root_of(resource_type), path)
        ]
        expressions = [part.expression for part in definition.components]
        reason = "a part of the composite cannot be indexed"
        # R4 has one composite whose expressions stand in the wrong order (DocumentReference.relationship).
        for ordered in (expressions, expressions[::-1]):
            parts = [
                self._part(resource_type, bases, part.definition, expression)
                for part, expression in zip(definition.components, ordered)
            ]
            known = tuple(part for part in parts if part is not None)
            if len(known) == len(parts) > 1:
                why = why_not(known)
                if why is None:
                    return Parameter(resource_type, code, "composite", (code,), tuple(bases), parts=known)
                reason = why
        return reason

    def _part(
        self, resource_type: str, bases: Iterable[Source], url: str, expression: str
    ) -> Parameter | None:
        definition = self.registry.parameter_by_url(url)
        if definition is None or definition.type not in PART_TYPES:
            return None
        paths = [path for path in map(read_path, split_union(expression)) if path is not None]
        from_resource = any(path.root == RESOURCE for path in paths)
        starts = [root_of(resource_type)] if from_resource else bases
        root = RESOURCE if from_resource else None
        found = {
            source: None
            for start in starts
            for path in paths
            if path.root == root
            for source in sources(self.elements, start, path)
        }
        part = self._plain(resource_type, definition.code, definition, tuple(found))
        sink = PART_TYPES[definition.type].sink
        if not any(sink("", source, part, self.setting) for source in part.sources):
            return None
        return replace(part, from_resource=from_resource)


def _root_of(arm: str) -> str:
    match = _FIRST_NAME.match(arm)
    return match["name"] if match is not None else ""


def share_names(found: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return the parameters with the names under which their facts are written."""
    names = {code: _names(parameter, found) for code, parameter in found.items()}
    shared: dict[str, Parameter] = {}
    for code, parameter in found.items():
        of_code, restrict = names[code]
        parts = tuple(
            replace(part, names=names[part.code][0] if part.code in names else (part.code,))
            for part in parameter.parts
        )
        shared[code] = replace(parameter, names=of_code, restrict=restrict, parts=parts)
    return shared


def _names(parameter: Parameter, found: Mapping[str, Parameter]) -> tuple[tuple[str, ...], str | None]:
    mine = _facts(parameter)
    if not mine:
        return parameter.names, None
    alike = [other for other in found.values() if _comparable(parameter, other)]
    same = [other.code for other in alike if _facts(other) == mine]
    if parameter.type == "reference":
        bare, restrict = _unrestricted(parameter)
        wide = [other.code for other in alike if bare and _facts(other) == bare]
        return ((_first(wide),), restrict) if wide and restrict else ((_first(same),), None)
    parts = [other for other in alike if _facts(other) and _facts(other) < mine]
    if len(parts) > 1 and frozenset().union(*(_facts(other) for other in parts)) == mine:
        covering = {_first([o.code for o in parts if _facts(o) == _facts(other)]) for other in parts}
        return tuple(sorted(covering)), None
    return (_first(same),), None


def _first(codes: Iterable[str]) -> str:
    return min(codes, key=lambda code: (len(code), code))


def _facts(parameter: Parameter) -> frozenset[tuple[tuple[Hop, ...], str]]:
    return frozenset((source.hops, source.type) for source in parameter.sources)


def _comparable(parameter: Parameter, other: Parameter) -> bool:
    if parameter.type != other.type or parameter.residual != other.residual:
        return False
    # What is inline is told apart by its type alone.
    inline = any(source.type == "Resource" for source in parameter.sources)
    if inline and parameter.targets != other.targets:
        return False
    return [_facts(part) for part in parameter.parts] == [_facts(part) for part in other.parts]


def _unrestricted(parameter: Parameter) -> tuple[frozenset[tuple[tuple[Hop, ...], str]], str | None]:
    """Return the facts without a closing `where(resolve() is T)`, and T if all have the same."""
    bare: set[tuple[tuple[Hop, ...], str]] = set()
    types: set[str] = set()
    for source in parameter.sources:
        last = source.hops[-1]
        types.update(guard.type for guard in last.guards if isinstance(guard, ResolvesTo))
        kept = tuple(guard for guard in last.guards if not isinstance(guard, ResolvesTo))
        bare.add(((*source.hops[:-1], replace(last, guards=kept)), source.type))
    return frozenset(bare), next(iter(types)) if len(types) == 1 else None


def _with_sort(parameter: Parameter, sorting: Container[tuple[str, ...]]) -> Parameter:
    if parameter.type != "date" or parameter.names not in sorting:
        return parameter
    return replace(parameter, sorts=True)


def _with_owner(parameter: Parameter, rule: OwnerRule, all_of: Mapping[str, Parameter]) -> Parameter:
    if parameter.type != "reference" or not parameter.sources:
        return parameter
    names = {name for code in rule.deciding if code in all_of for name in all_of[code].names}
    decides = set(parameter.names) <= names and rule.several == "refuse"
    if not decides:
        reaches = "Patient" in parameter.targets or not parameter.targets
        return replace(parameter, owner="may" if reaches else "never")
    # A required subject is always stated, so nothing else is ever asked for the owner.
    required = all(source.minimum > 0 and len(source.hops) == 1 for source in parameter.sources)
    elsewhere = len(names) > 1 or bool(rule.targets) or (bool(rule.fallback) and not required)
    return replace(parameter, owner="decides", owner_elsewhere=elsewhere)
