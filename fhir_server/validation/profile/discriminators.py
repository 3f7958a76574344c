"""How an element is recognised as one of a slice: the definition at a discriminator's path, as a condition.

Spec: https://hl7.org/fhir/R4/profiling.html#discriminator
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from fhir_server.fhirpath import Node, TypeModel
from fhir_server.fhirpath.values import same_trees
from fhir_server.validation.profile.bindings import is_member
from fhir_server.validation.profile.claims import claims_profile
from fhir_server.validation.profile.route import NoRoute, Route, route_of, walk
from fhir_server.validation.profile.session import Session
from fhir_server.validation.profile.spots import Library, Spot, spots_after
from fhir_server.validation.profile.tree import Branch, Tree
from fhir_server.validation.profile.values import matcher
from profiles.definitions import Discriminator

Condition: TypeAlias = Callable[[Node, Session], bool | None]
"""Whether an element has what the slice asks for; None where terminology, or a profile, is not known."""

RawCondition: TypeAlias = Callable[[Any], bool | None]
"""The same of a raw JSON value."""


@dataclass(frozen=True, slots=True, eq=False)
class Test:
    """What is asked of an element at the end of a path.

    `raw` answers for the JSON value alone, where that is enough.  `sieve` tells of a JSON value that `holds`
    would not hold, without a Node having to be made of it.
    """

    holds: Condition
    raw: RawCondition | None = None
    sieve: RawCondition | None = None


def condition_of(
    discriminator: Discriminator, tree: Tree, branch: Branch, library: Library
) -> Condition | None:
    """Return whether an element has what the slice's definition says at the discriminator's path.

    None where the definition says nothing there, or the path is none.
    """
    try:
        route = route_of(discriminator.path)
    except NoRoute:
        return None
    spots = [Spot(tree, branch)]
    is_plain = True
    for step in route:
        spots = [found for spot in spots for found in spots_after(step, spot, library)]
        is_plain = is_plain and step.kind == "member" and not any(map(_is_choice, spots))
    is_left_out = any(spot.branch is not None and spot.branch.element.max == 0 for spot in spots)
    if discriminator.type == "exists" or is_left_out:
        return _existence(route, spots, library.model)
    if (
        discriminator.type == "profile"
        and spots
        and not any(_asks_a_profile(spot, library) for spot in spots)
    ):
        return lambda _node, _session: True
    made = (_test(discriminator.type, spot, library) for spot in spots)
    tests = [test for test in made if test is not None]
    if tests:
        names = tuple(step.name for step in route) if is_plain else None
        return _any(route, names, tests, library.model)
    return None


def candidate_of(
    discriminators: Iterable[Discriminator], tree: Tree, branch: Branch, library: Library
) -> Condition | None:
    """Return whether an element could be meant for a slice that is recognised by a profile: by its type.

    None where no profile is asked for.
    """
    for each in discriminators:
        if each.type == "profile":
            return condition_of(Discriminator("type", each.path), tree, branch, library)
    return None


def _is_choice(spot: Spot) -> bool:
    return spot.branch is not None and spot.branch.element.path.endswith("[x]")


def _any(route: Route, names: Sequence[str] | None, tests: Sequence[Test], model: TypeModel) -> Condition:
    if names is not None and all(test.raw is not None for test in tests):
        return _any_raw(names, tuple(test.raw for test in tests if test.raw is not None))
    conditions = tuple(test.holds for test in tests)
    sieves = tuple(test.sieve for test in tests if test.sieve is not None)
    may_hold = _any_raw(names, sieves) if names is not None and len(sieves) == len(tests) else None
    if not route and len(tests) == 1 and may_hold is None:
        return conditions[0]

    def holds(node: Node, session: Session) -> bool | None:
        if may_hold is not None and may_hold(node, session) is False:
            return False
        found = walk(route, node, model, session)
        return either(test(each, session) for each in found for test in conditions)

    return holds


def _any_raw(names: Sequence[str], tests: Sequence[RawCondition]) -> Condition:
    if len(tests) == 1:
        only = tests[0]
        if not names:
            return lambda node, _session: only(node.value)
        if len(names) == 1:
            return _any_below(names[0], only)
        return lambda node, _session: either(map(only, _values(names, node.value)))

    def holds(node: Node, _session: Session) -> bool | None:
        return either(test(value) for value in _values(names, node.value) for test in tests)

    return holds


def _any_below(name: str, test: RawCondition) -> Condition:
    """Return the same of a single key: most slices are recognised by one."""

    def holds(node: Node, _session: Session) -> bool | None:
        value = node.value
        found = value.get(name) if type(value) is dict else None
        if type(found) is list:
            return either(map(test, found))
        return False if found is None else test(found)

    return holds


def _values(names: Sequence[str], value: Any) -> list[Any]:
    """Return the raw values at the end of a path of plain keys."""
    values = [value]
    for name in names:
        below: list[Any] = []
        for each in values:
            found = each.get(name) if type(each) is dict else None
            if type(found) is list:
                below.extend(found)
            elif found is not None:
                below.append(found)
        values = below
    return values


def either(answers: Iterable[bool | None]) -> bool | None:
    """Return whether one of the answers is yes; None where none is, but one is not known."""
    is_open = False
    for answer in answers:
        if answer:
            return True
        is_open = is_open or answer is None
    return None if is_open else False


def _existence(route: Route, spots: list[Spot], model: TypeModel) -> Condition | None:
    for spot in spots:
        if spot.branch is not None and spot.branch.element.max == 0:
            return lambda node, session: not walk(route, node, model, session)
        if spot.branch is not None and spot.branch.element.min > 0:
            return lambda node, session: bool(walk(route, node, model, session))
    return None


def _test(kind: str, spot: Spot, library: Library) -> Test | None:
    if kind == "type":
        return _type_test(spot, library.model)
    if kind == "profile":
        return _profile_test(spot, library)
    return _value_test(spot, library)


def _type_test(spot: Spot, model: TypeModel) -> Test | None:
    if spot.branch is None:
        types: tuple[str, ...] = () if spot.type is None else (spot.type,)
    else:
        types = tuple(each.code for each in spot.branch.element.types)
    return _of_types(types, model) if types else None


def _of_types(types: Sequence[str], model: TypeModel) -> Test:
    def holds(node: Node, _session: Session) -> bool | None:
        return any(model.is_subtype(node.type, each) for each in types)

    if not all(model.is_subtype(each, "Resource") for each in types):
        return Test(holds)
    known: dict[str, bool] = {}

    def raw(value: Any) -> bool | None:
        name = value.get("resourceType") if type(value) is dict else None
        if type(name) is not str:
            return False
        found = known.get(name)
        if found is None:
            found = any(model.is_subtype(name, each) for each in types)
            if model.has_type(name):  # data can name as many types as it likes
                known[name] = found
        return found

    return Test(holds, raw)


def _asks_a_profile(spot: Spot, library: Library) -> bool:
    """Whether the definition names a profile there, or at least the type of a resource."""
    if spot.branch is None or (spot.tree is not None and spot.branch is spot.tree.root):
        return True
    return any(
        each.profiles or library.model.is_subtype(each.code, "Resource") for each in spot.branch.element.types
    )


def _profile_test(spot: Spot, library: Library) -> Test | None:
    if spot.branch is None:
        return _type_test(spot, library.model)
    tests: list[Test] = []
    for each in spot.branch.element.types:
        if not each.profiles:
            tests.append(_of_types((each.code,), library.model))
        tests.extend(_conforming(profile, each.code, library) for profile in each.profiles)
    if not tests and spot.tree is not None and spot.branch is spot.tree.root:
        tests.append(_conforming(spot.tree.profile.url, spot.tree.profile.type, library))
    if len(tests) < 2:
        return tests[0] if tests else None
    return Test(lambda node, session: either(test.holds(node, session) for test in tests))


def _conforming(profile: str, kind: str, library: Library) -> Test:
    of_type = _of_types((kind,), library.model)

    def holds(node: Node, session: Session) -> bool | None:
        if not of_type.holds(node, session):
            return False
        if session.reach.holds(node) and claims_profile(node, profile, library.lineage):
            return True  # it is held to the profile at its own place
        check = library.profile_check(profile)
        return None if check is None else session.passes(check, node)

    return Test(holds, sieve=of_type.raw)


def _value_test(spot: Spot, library: Library) -> Test | None:
    if spot.part is not None:
        return _raw_test(matcher(spot.part))
    branch, tree = spot.branch, spot.tree
    if branch is None or tree is None:
        return _type_test(spot, library.model)
    element = branch.element
    if element.fixed is not None:
        return _raw_test(lambda value: same_trees(element.fixed, value))
    if element.pattern is not None:
        return _raw_test(matcher(element.pattern))
    if _is_recognisable(branch):
        return Test(_trial(tree, branch, library))
    binding = element.binding
    if binding is not None and binding.strength == "required":
        value_set, members = binding.value_set, library.members
        return _raw_test(lambda value: is_member(value, value_set, members))
    profiles = [profile for each in element.types for profile in each.profiles]
    return _profile_test(spot, library) if profiles else None


def _raw_test(raw: RawCondition) -> Test:
    return Test(lambda node, _session: raw(node.value), raw)


def _is_recognisable(branch: Branch) -> bool:
    """Whether something below the element has a value of its own."""
    return any(each.element.fixed is not None or each.element.pattern is not None for each in _below(branch))


def _below(branch: Branch) -> Iterator[Branch]:
    return (each for each in branch.below() if each is not branch)


def _trial(tree: Tree, branch: Branch, library: Library) -> Condition:
    def holds(node: Node, session: Session) -> bool | None:
        check = library.branch_check(tree, branch)
        return check is None or session.passes(check, node)

    return holds
