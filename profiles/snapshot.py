"""Makes the snapshot of a StructureDefinition from its differential.

Pure: where other definitions come from is the caller's `Known`.
Spec: https://hl7.org/fhir/R4/profiling.html#snapshot, https://hl7.org/fhir/R4/elementdefinition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from profiles.definitions import Profile
from profiles.differential import DifferentialRow, differential_rows
from profiles.package import DefinitionError
from profiles.read_profile import definition_url, profile_head
from profiles.snapshot_merge import merged
from profiles.snapshot_tree import Node, flattened, grown
from profiles.snapshot_walk import Known, Walker


def snapshot_of(tree: Mapping[str, Any], known: Known) -> Profile:
    """Return the profile with the snapshot that the differential of `tree` makes of its base.

    Raises DefinitionError, naming the element, for a base that is not known and for a differential that
    contradicts it: an unknown path, a wider cardinality, a type that the base does not allow, a slice where
    nothing is sliced.
    """
    url = definition_url(tree)
    head = profile_head(tree)
    if not head.base:
        raise DefinitionError(url, None, "has no baseDefinition")
    base = known.tree(head.base)
    if base is None:
        raise DefinitionError(url, None, f"is based on {head.base}, which is not known")
    walker = Walker(base, known)
    for row in differential_rows(tree):
        _apply(url, walker, row)
    walker.finish()
    elements, invariants = flattened(walker.root)
    return replace(head, elements=elements, invariants=MappingProxyType(invariants))


def tree_of(profile: Profile) -> Node:
    """Return the snapshot of a profile as `Known.tree` gives it.  Raises DefinitionError if it is broken."""
    try:
        return grown(profile.elements, profile.invariants)
    except ValueError as fault:
        raise DefinitionError(profile.url, None, f"has a broken snapshot: {fault}") from fault


def _apply(url: str, walker: Walker, row: DifferentialRow) -> None:
    try:
        node = walker.find(row)
        merged(node, row, walker)
    except ValueError as fault:
        raise DefinitionError(url, row.id, str(fault)) from fault
