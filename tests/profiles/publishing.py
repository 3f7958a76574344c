"""In what a published snapshot may differ from its own differential, as rules that a program can check.

Each rule compares what was published with what the same publication says elsewhere: about all entries, in
its slices, in its differential, or in the definition of the value's type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from profiles.definitions import Profile, Slicing
from profiles.registry import Registry
from tests.profiles.published import Difference, Facts, facts_of

LISTED = frozenset(
    {"path", "missing", "extra", "order", "min", "max", "types", "binding", "slice", "slicing"}
)
"""Paths, cardinalities, types, bindings and slices; the other facts are more than these five."""


@dataclass(frozen=True, slots=True)
class Published:
    """A definition as published (`tree`, and `given`: what its snapshot says by id), and as made here."""

    tree: Mapping[str, Any]
    given: Mapping[str, Facts]
    made: Mapping[str, Facts]
    registry: Registry


Rule = Callable[[Published, str, str], bool]
"""Of (definition, what differs, element id): whether the rule explains the difference."""


def published(tree: Mapping[str, Any], given: Profile, made: Profile, registry: Registry) -> Published:
    """Return a definition as both sides have it."""
    return Published(tree, facts_of(given), facts_of(made), registry)


def class_of(pair: Published, difference: Difference) -> str | None:
    """Return the name of the first rule that explains a difference, None if none does."""
    what, _, id = difference
    return next((name for name, rule in CLASSES.items() if rule(pair, what, id)), None)


def _not_handed_on(pair: Published, what: str, id: str) -> bool:
    """The slice is published without what the same snapshot says of all entries."""
    if what == "constraints":
        given, made = pair.given[id][what], pair.made[id][what]
        return given < made and any(made <= given | all_[what] for all_ in _unsliced(pair.given, id))
    if what not in ("min", "max", "types", "binding", "must-support"):
        return False
    made = pair.made[id][what]
    return made is not False and any(made == all_[what] for all_ in _unsliced(pair.given, id))


def _flag_copied(pair: Published, what: str, id: str) -> bool:
    """The slice is published with the must-support of all entries, which later publications leave out."""
    return (
        what == "must-support"
        and pair.given[id][what] is True
        and any(all_[what] is True for all_ in _unsliced(pair.given, id))
    )


def _rules_of_value(pair: Published, what: str, id: str) -> bool:
    """The invariants of the value's own type or profile are published again at the element."""
    if what != "constraints":
        return False
    given, made = pair.given[id][what], pair.made[id][what]
    expressions = {expression for _, _, expression in given - made}
    return bool(made <= given and expressions <= set(_expressions(pair.registry, pair.given[id]["types"])))


def _closed_published_open(pair: Published, what: str, id: str) -> bool:
    """A choice that the differential closes (by a short form, or in so many words) is published open."""
    if what not in ("slicing", "types") or not id.endswith("[x]"):
        return False
    given, made = pair.given[id], pair.made[id]
    if _rules(given) != "open" or _rules(made) != "closed" or not _is_closed(pair.tree, id):
        return False
    kinds = set().union(*(each["types"] for each in _slices(pair.given, id)))
    return what == "slicing" or {kind.code for kind in made["types"]} == {kind.code for kind in kinds}


def _one_type_left(pair: Published, what: str, id: str) -> bool:
    """A choice with one type left, and a slice for it: whether it is open makes no difference."""
    return what == "slicing" and len(pair.given[id]["types"]) == 1 and len(list(_slices(pair.given, id))) == 1


def _sum_of_slices(pair: Published, what: str, id: str) -> bool:
    """The minimum is published as the sum of those of its slices: the same rule, said twice."""
    least = sum(each["min"] for each in _slices(pair.given, id))
    return what == "min" and bool(pair.made[id]["min"] < pair.given[id]["min"] == least)


def _short_form_in_slice(pair: Published, what: str, id: str) -> bool:
    """Inside a slice a short form is published at the choice itself, elsewhere as the choice's slice."""
    choice, found, _ = id.partition("[x]")
    choice += found
    if what == "slicing":
        return id == choice and pair.given[id][what] is None and len(list(_slices(pair.made, id))) == 1
    if what != "extra":
        return False
    step, _, rest = id[len(choice) :].partition(".")
    plain = f"{choice}.{rest}" if rest else choice
    ours, theirs = pair.made[id], pair.given.get(plain)
    same = ("min", "max", "types", "binding", "values", "constraints")
    return step.startswith(":") and theirs is not None and all(ours[each] == theirs[each] for each in same)


def _repeats_a_slice(pair: Published, what: str, id: str) -> bool:
    """A content reference is published to one slice of the element that the base repeats."""
    if what != "content":
        return False
    theirs = str(pair.given[id][what])
    return bool(theirs.rpartition(":")[0] == pair.made[id][what])


def _binding_left_out(pair: Published, what: str, id: str) -> bool:
    """A binding of the differential is not in the published snapshot."""
    said = next((row for row in _rows(pair.tree) if row.get("id") == id), {})
    return what == "binding" and pair.given[id][what] is None and "valueSet" in said.get("binding", {})


CLASSES: Mapping[str, Rule] = {
    "not handed on to slices": _not_handed_on,
    "must-support copied to slices": _flag_copied,
    "invariants of the value's type repeated": _rules_of_value,
    "closed choices published open": _closed_published_open,
    "one type left": _one_type_left,
    "sum of the slices as minimum": _sum_of_slices,
    "short form inside a slice": _short_form_in_slice,
    "content of one slice": _repeats_a_slice,
    "binding of the differential left out": _binding_left_out,
}


def _unsliced(facts: Mapping[str, Facts], id: str) -> Iterator[Facts]:
    """Yield what is said of the same place in all entries: one slice name after the other taken out."""
    steps = id.split(".")
    for number, step in enumerate(steps):
        name, colon, slice_name = step.partition(":")
        if colon:
            outer = slice_name.rpartition("/")[0]
            wider = ".".join([*steps[:number], f"{name}:{outer}" if outer else name, *steps[number + 1 :]])
            if wider in facts:
                yield facts[wider]
            yield from _unsliced(facts, wider)


def _slices(facts: Mapping[str, Facts], id: str) -> Iterator[Facts]:
    for other, each in facts.items():
        if other.startswith(f"{id}:") and "." not in other[len(id) :] and "/" not in other[len(id) :]:
            yield each


def _expressions(registry: Registry, kinds: Any) -> Iterator[str]:
    """Yield the expressions of the invariants of types and profiles, and of what they are based on."""
    for kind in kinds:
        for name in (kind.code, *kind.profiles):
            structure, profile = registry.structures.get(name), registry.profile(name)
            if structure is not None:
                yield from (rule.expression for rule in structure.invariants.values())
            elif profile is not None:
                yield from (rule.expression for rule in profile.invariants.values())


def _rules(facts: Facts) -> str | None:
    slicing = facts["slicing"]
    return slicing.rules if isinstance(slicing, Slicing) else None


def _is_closed(tree: Mapping[str, Any], id: str) -> bool:
    stem = id.removesuffix("[x]")
    for row in _rows(tree):
        if row.get("id") == id and row.get("slicing", {}).get("rules") == "closed":
            return True
        path = str(row["path"])
        if path.startswith(stem) and path[len(stem) :].isalpha():
            return True
    return False


def _rows(tree: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = tree["differential"]["element"]
    return rows
