"""The part of a large terminology package that other packages refer to."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from fhir_server.model.canonical import without_version
from profiles.build_collect import Collected

Facts = dict[str, Any]

_MAX_VALUE_SET = "elementdefinition-maxValueSet"


def wanted_by(collected: Collected) -> frozenset[str]:
    """Return the value sets and code systems that the definitions of a package refer to.

    Bindings that are examples ask for nothing.
    """
    bound = {
        canonical
        for tree in collected.profiles.values()
        for part in ("snapshot", "differential")
        for row in tree.get(part, {}).get("element", ())
        for canonical in _bound(row.get("binding"))
    }
    return frozenset(bound | set(_named(collected.value_sets.values())))


def narrow(collected: Collected, wanted: Iterable[str], known: Container[str]) -> None:
    """Keep, in place, the value sets and code systems that are wanted and what these refer to themselves.

    What is in `known`, because an earlier package has it, is not kept.  Nothing else stays.
    """
    kept: set[str] = set()
    waiting = [canonical for canonical in wanted if canonical not in known]
    while waiting:
        canonical = waiting.pop()
        if canonical in kept or canonical in known:
            continue
        kept.add(canonical)
        waiting.extend(_named([collected.value_sets.get(canonical, {})]))
    collected.value_sets = {url: tree for url, tree in collected.value_sets.items() if url in kept}
    collected.code_systems = {url: each for url, each in collected.code_systems.items() if url in kept}
    collected.left_out = {url: reason for url, reason in collected.left_out.items() if url in kept}
    collected.profiles.clear()
    collected.parameters.clear()
    collected.operations.clear()


def _bound(binding: Mapping[str, Any] | None) -> Iterator[str]:
    if binding is None:
        return
    if binding.get("strength") != "example" and "valueSet" in binding:
        yield without_version(binding["valueSet"])
    for extension in binding.get("extension", ()):
        if str(extension.get("url")).endswith(_MAX_VALUE_SET):
            yield without_version(str(extension.get("valueCanonical")))


def _named(value_sets: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for tree in value_sets:
        compose = tree.get("compose") or {}
        for include in (*compose.get("include", ()), *compose.get("exclude", ())):
            yield from (without_version(url) for url in include.get("valueSet", ()))
            if "system" in include:
                yield without_version(include["system"])
