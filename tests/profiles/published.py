"""Published StructureDefinitions with their snapshots, and the facts that two snapshots are compared by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from profiles.archive import read_archive
from profiles.definitions import Profile, ProfileElement, Slicing, TypeRef
from profiles.folder import read_folder
from profiles.package import DefinitionError
from profiles.packed import packed
from profiles.read_profile import profile_of
from profiles.registry import Registry

Facts = dict[str, Any]
Difference = tuple[str, str, str]
"""What differs, the id of the definition, the id of the element."""

_BY_URL = "url"


def constraints_in(source: Path) -> list[Facts]:
    """The profiles and extensions of an archive or a folder."""
    members = read_folder(source) if source.is_dir() else read_archive(source)
    return [
        member.tree
        for member in members
        if member.tree.get("resourceType") == "StructureDefinition"
        and member.tree.get("derivation") == "constraint"
        and member.tree.get("kind") != "logical"
        and member.tree.get("snapshot")
    ]


def readable(trees: list[Facts]) -> dict[str, Profile]:
    """The profiles by canonical as their own snapshots say; those that cannot be read are missing."""
    found = {}
    for tree in trees:
        try:
            found[tree["url"]] = profile_of(tree)
        except DefinitionError:
            continue
    return found


def differences(given: Profile, made: Profile, registry: Registry) -> Iterator[Difference]:
    """Yield how the made snapshot differs from the given one.

    An element that only repeats its type is the same as one that is not there, and so are the insides of an
    element which one side spells out and the other leaves to its type or profile.
    """
    name = given.url.rpartition("/")[2]
    theirs, ours = facts_of(given), facts_of(made)
    missing = {id for id in theirs.keys() - ours.keys() if _is_open(id, theirs, ours)}
    extra = {id for id in ours.keys() - theirs.keys() if _is_open(id, ours, theirs)}
    for id in missing & saying_more(given, registry) if missing else ():
        yield "missing", name, id
    for id in extra & saying_more(made, registry) if extra else ():
        yield "extra", name, id
    for id in theirs.keys() & ours.keys():
        for what, value in theirs[id].items():
            if value != ours[id][what]:
                yield what, name, id
    order = [id for id in theirs if id in ours]
    if order != [id for id in ours if id in theirs]:
        yield "order", name, name


def _is_open(id: str, here: Mapping[str, Facts], there: Mapping[str, Facts]) -> bool:
    """Whether the other side has something inside the nearest element that both have around this one."""
    around = id.rpartition(".")[0]
    while around and not (around in here and around in there):
        around = around.rpartition(".")[0]
    return any(other.startswith(around + ".") for other in there)


def saying_more(profile: Profile, registry: Registry) -> set[str]:
    """The ids of the elements that say more than their type."""
    return {row[0] for row in packed(profile, registry.structures)["elements"] if not isinstance(row, str)}


def facts_of(profile: Profile) -> dict[str, Facts]:
    """What is compared, by element id."""
    sliced = {
        each.id.rpartition(":")[0]
        for each in profile.elements
        if each.slice_name and "/" not in each.slice_name
    }
    return {each.id: _facts(profile, each, each.id in sliced) for each in profile.elements}


def _facts(profile: Profile, element: ProfileElement, has_slices: bool) -> Facts:
    rules = (profile.invariants[key] for key in element.constraints)
    return {
        "path": element.path,
        "min": element.min,
        "max": element.max,
        "types": {_kind(kind, element.path) for kind in element.types},
        "slice": element.slice_name,
        "slicing": element.slicing if has_slices or not _is_usual(element.slicing) else None,
        "binding": element.binding,
        "values": msgspec.json.encode([element.fixed, element.pattern, element.minimum, element.maximum]),
        "content": element.content,
        "constraints": {(rule.key, rule.severity, rule.expression) for rule in rules},
        "must-support": element.must_support,
        "extensions": (element.min_length, element.alternatives, element.further, element.narrative),
    }


def _kind(kind: TypeRef, path: str) -> TypeRef:
    # R4 calls the type of a resource's own id a string, later publications call it an id.
    code = "string" if path.endswith(".id") and kind.code == "id" else kind.code
    return TypeRef(code, tuple(sorted(kind.targets)), tuple(map(_unpinned, kind.profiles)))


def _unpinned(canonical: str) -> str:
    # What R4 itself defines has one version here.
    return canonical.removesuffix("|4.0.1") if canonical.startswith("http://hl7.org/fhir/") else canonical


def _is_usual(slicing: Slicing | None) -> bool:
    """Whether it says no more than that extensions are told apart by their url."""
    if slicing is None:
        return True
    return [each.path for each in slicing.discriminators] == [_BY_URL] and slicing.rules == "open"
