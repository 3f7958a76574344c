"""Gathers the facts of an archive's resources, canonical by canonical."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from profiles import build_parameters, build_terminology
from profiles.archive import Member
from profiles.build_structures import is_type, structure_facts
from profiles.definitions import CodeSystem
from profiles.package import PackageError

Facts = dict[str, Any]

MANIFEST = "package.json"
LOGICAL = "logical model"


@dataclass(slots=True)
class Collected:
    """Facts by canonical (compartments: by their type), as they come out of an archive."""

    manifest: Facts = field(default_factory=dict)
    structures: dict[str, Facts] = field(default_factory=dict)
    profiles: dict[str, Facts] = field(default_factory=dict)
    """StructureDefinitions that constrain a type, as they are."""
    parameters: dict[str, Facts] = field(default_factory=dict)
    compartments: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    operations: dict[str, Facts] = field(default_factory=dict)
    code_systems: dict[str, CodeSystem] = field(default_factory=dict)
    value_sets: dict[str, Facts] = field(default_factory=dict)
    """The `compose` of each value set, not yet enumerated."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Canonical → reason."""
    passed_over: Counter[str] = field(default_factory=Counter)
    """Kind of resource → how many: none of that kind is carried."""
    _members: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, member: Member) -> None:
        """Take the facts of one member; what is no definition is passed over.

        Raises PackageError if the member cannot be used, or defines what another one already defines.
        """
        tree = member.tree
        if member.name == MANIFEST:
            self.manifest = tree
            return
        kind = str(tree.get("resourceType"))
        take = _TAKERS.get(kind)
        if take is None:
            self.passed_over[kind] += 1
            return
        try:
            self._note_member(kind, tree["url"], member.name)
            take(self, tree)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
            fault = f"{type(error).__name__} {error}"
            raise PackageError(f"{member.name} is no usable {kind}: {fault}") from error

    def _note_member(self, kind: str, url: str, name: str) -> None:
        # Which of two definitions counts would depend on the order of the archive.
        earlier = self._members.setdefault((kind, url), name)
        if earlier != name:
            raise PackageError(f"{earlier} and {name} both define {url}.")


def _structure(collected: Collected, tree: Facts) -> None:
    if is_type(tree):
        collected.structures[tree["url"]] = structure_facts(tree)
    elif tree["kind"] == "logical":
        collected.passed_over[LOGICAL] += 1
    else:
        collected.profiles[tree["url"]] = tree


def _parameter(collected: Collected, tree: Facts) -> None:
    reason = build_parameters.why_left_out(tree)
    if reason is None:
        collected.parameters[tree["url"]] = build_parameters.parameter_facts(tree)
    else:
        collected.left_out[tree["url"]] = reason


def _compartment(collected: Collected, tree: Facts) -> None:
    if tree["id"] != "example":
        collected.compartments[tree["code"]] = build_parameters.compartment_facts(tree)


def _operation(collected: Collected, tree: Facts) -> None:
    if tree["id"] != "example":
        collected.operations[tree["url"]] = build_parameters.operation_facts(tree)


def _code_system(collected: Collected, tree: Facts) -> None:
    reason = build_terminology.why_left_out(tree)
    if reason is None:
        collected.code_systems[tree["url"]] = build_terminology.code_system(tree)
    else:
        collected.left_out[tree["url"]] = reason


def _value_set(collected: Collected, tree: Facts) -> None:
    collected.value_sets[tree["url"]] = {"compose": tree.get("compose")}


_TAKERS: Mapping[str, Callable[[Collected, Facts], None]] = {
    "StructureDefinition": _structure,
    "SearchParameter": _parameter,
    "CompartmentDefinition": _compartment,
    "OperationDefinition": _operation,
    "CodeSystem": _code_system,
    "ValueSet": _value_set,
}
