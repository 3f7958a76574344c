"""CodeSystems and ValueSets as JSON, read into the dataclasses of `definitions` and enumerated.

Spec: https://hl7.org/fhir/R4/codesystem.html, https://hl7.org/fhir/R4/valueset.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fhir_server.model.canonical import without_version
from profiles.build_terminology import Codes, Expander, NotEnumerable, code_system, why_left_out
from profiles.definitions import CodeSystem, ValueSet
from profiles.lazy import laid_over
from profiles.read_profile import FAULTS, fault_text
from profiles.registry import Registry


@dataclass(frozen=True, slots=True)
class Terminology:
    """What could be read, and, by canonical, why the rest could not."""

    code_systems: tuple[CodeSystem, ...]
    value_sets: tuple[ValueSet, ...]
    left_out: Mapping[str, str]


def terminology_of(trees: Iterable[Mapping[str, Any]], registry: Registry) -> Terminology:
    """Return the code systems and value sets among these resources; others are passed over.

    They may refer to each other and to what the Registry has.  A value set that no rule enumerates but that
    brings an expansion is taken at its word.  Never raises for what a resource says.
    """
    left_out: dict[str, str] = {}
    systems: dict[str, CodeSystem] = {}
    sources: dict[str, Mapping[str, Any]] = {}
    for tree in trees:
        kind, url = tree.get("resourceType"), tree.get("url")
        if not isinstance(url, str):
            continue
        if kind == "CodeSystem":
            _read_system(tree, url, systems, left_out)
        elif kind == "ValueSet":
            sources[url] = tree
    known = laid_over(registry.code_systems, systems)
    expander = Expander(sources, known, registry.value_sets)
    value_sets = [_read_value_set(tree, url, expander, left_out) for url, tree in sources.items()]
    return Terminology(
        code_systems=tuple(systems.values()),
        value_sets=tuple(found for found in value_sets if found is not None),
        left_out=MappingProxyType(left_out),
    )


def _read_system(
    tree: Mapping[str, Any], url: str, systems: dict[str, CodeSystem], left_out: dict[str, str]
) -> None:
    try:
        reason = why_left_out(tree)
        if reason is None:
            systems[url] = code_system(tree)
            return
    except (*FAULTS, RecursionError) as fault:
        reason = f"is malformed: {fault_text(fault)}"
    left_out[url] = reason


def _read_value_set(
    tree: Mapping[str, Any], url: str, expander: Expander, left_out: dict[str, str]
) -> ValueSet | None:
    try:
        try:
            codes = expander.expand(url)
        except NotEnumerable as reason:
            codes = _expansion(tree)
            if not codes:
                left_out[url] = str(reason)
                return None
    except (*FAULTS, RecursionError) as fault:
        left_out[url] = f"is malformed: {fault_text(fault)}"
        return None
    systems = {system: MappingProxyType(dict(concepts)) for system, concepts in codes.items()}
    return ValueSet(url=without_version(url), systems=MappingProxyType(systems))


def _expansion(tree: Mapping[str, Any]) -> Codes:
    """The codes of a complete expansion; none if it was cut into pages."""
    expansion = tree.get("expansion", {})
    found: Codes = {}
    waiting = list(expansion.get("contains", ()))
    while waiting:
        entry = waiting.pop()
        waiting.extend(entry.get("contains", ()))
        if entry.get("abstract") is not True and "code" in entry:
            found.setdefault(entry.get("system", ""), {})[entry["code"]] = entry.get("display", "")
    total = expansion.get("total")
    is_whole = not isinstance(total, int) or sum(map(len, found.values())) >= total
    return found if is_whole else {}
