"""`_include` and `_revinclude`: which references of what was found bring further resources along.

Spec: https://hl7.org/fhir/R4/search.html#include
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhir_server.model.outcome import FhirError, refuse
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.collector import Collector
from fhir_server.search.extraction import Node, compile_node
from fhir_server.search.hops import can_be_followed, plain, target_types
from fhir_server.search.parameter import Parameter, Setting
from fhir_server.search.parameter_types import TYPES
from fhir_server.search.types.reference import reference_types

REVINCLUDE: Final = "_revinclude"
ITERATE: Final = "iterate"
ANY: Final = "*"
MAX_INCLUDES: Final = 50
"""`_include` and `_revinclude` parameters of one search."""

_BAR: Final = "%7C"


@dataclass(frozen=True, slots=True)
class Include:
    """References of `source` by `parameters`, to `targets` alone.

    Forward it brings what they point to; with `reverse`, the resources that hold them.  With `iterate` it
    applies to what was brought along, too.
    """

    source: str
    parameters: tuple[Parameter, ...]
    targets: frozenset[str]
    reverse: bool = False
    iterate: bool = False


def read_include(catalogue: Catalogue, resource_type: str, name: str, value: str) -> Include | None:
    """Return what one parameter asks; None where it names no reference that is known.

    `name` is the parameter with its modifier, `resource_type` the type that is searched.  Raises FhirError
    `illegal-parameter-value`, `unsupported-modifier`.
    """
    code, colon, modifier = name.partition(":")
    if colon and modifier != ITERATE:
        raise refuse(
            "unsupported-modifier", f"`{code}` takes the modifier `:{ITERATE}` alone, or none of any kind."
        )
    reverse = code == REVINCLUDE
    source, _, rest = value.partition(":")
    if source == ANY and not rest and not reverse and resource_type:
        source, rest = resource_type, ANY
    known = catalogue.registry.resource_types
    wanted, _, target = rest.partition(":")
    if source not in known or not wanted or (target and target not in known):
        example = "Provenance:target" if reverse else "Observation:subject"
        raise refuse(
            "illegal-parameter-value",
            f"`{code}` needs `Type:parameter` or `Type:parameter:TargetType`, as in `{example}`; "
            f"`{ANY}` in place of the parameter stands for all of the type.",
        )
    parameters = tuple(_named(catalogue, source, wanted))
    if not parameters:
        return None
    targets = frozenset((target,)) if target else frozenset(known)
    return Include(source, parameters, targets, reverse, bool(colon))


def unknown_include(catalogue: Catalogue, name: str, value: str) -> FhirError:
    """Return the refusal of an include by a parameter that is no reference."""
    source = value.partition(":")[0]
    known = ", ".join(sorted(parameter.code for parameter in _references(catalogue, source)))
    text = f"`{plain(name)}`: {plain(source)} has no reference of this name. Supported: {known or 'none'}."
    return refuse("unknown-parameter", text)


def include_codes(catalogue: Catalogue, source: str) -> list[str]:
    """Return the parameters of a type by which it can be included from, in order."""
    return sorted(parameter.code for parameter in _references(catalogue, source))


def reverse_includes(catalogue: Catalogue) -> dict[str, list[str]]:
    """Return, for each type, what can be asked of `_revinclude`: `Type:parameter`, in order."""
    known = sorted(catalogue.registry.resource_types)
    found: dict[str, list[str]] = {}
    for source in known:
        for parameter in sorted(_references(catalogue, source), key=lambda one: one.code):
            for target in target_types(parameter):
                found.setdefault(target, []).append(f"{source}:{parameter.code}")
    return found


def _named(catalogue: Catalogue, source: str, wanted: str) -> Iterable[Parameter]:
    found = _references(catalogue, source)
    if wanted != ANY:
        return (parameter for parameter in found if parameter.code == wanted)
    # What another one repeats, narrowed to a type, brings nothing of its own.
    return (parameter for parameter in found if parameter.canonical)


def _references(catalogue: Catalogue, source: str) -> Iterator[Parameter]:
    by_code = catalogue.of(source).by_code.values()
    return (parameter for parameter in by_code if can_be_followed(parameter))


@dataclass(frozen=True, slots=True)
class Pointed:
    """What one resource points to: local references by type, and canonical URLs, a version after `|`."""

    local: tuple[tuple[str, str], ...]
    canonical: tuple[str, ...]


class Pointing:
    """Finds what resources of one type point to by the parameters of some includes."""

    __slots__ = ("_types", "_visit", "canonical_targets")

    def __init__(
        self, catalogue: Catalogue, parameters: Iterable[Parameter], targets: frozenset[str]
    ) -> None:
        tree = Node()
        possible: dict[str, None] = {}
        for parameter in parameters:
            _lay(tree, parameter, catalogue.setting)
            if is_canonical(parameter):
                possible.update(dict.fromkeys(reference_types(parameter)))
        self._visit: Callable[[Any, Collector], None] = compile_node(tree)
        self._types = targets
        self.canonical_targets = tuple(
            name for name in possible if name in targets and catalogue.parameter(name, "url") is not None
        )
        """Types that canonical URLs can stand for."""

    def of(self, resource: Mapping[str, Any]) -> Pointed:
        """Return what a resource points to, in the order of its elements, each once."""
        out = Collector(None)
        self._visit(resource, out)
        local: list[tuple[str, str]] = []
        canonical: list[str] = []
        for entry in out.token:
            text = entry[1:] if entry.startswith("=") else ""
            type_name, slash, id = text.partition("/")
            if slash and type_name in self._types and "/" not in id:
                local.append((type_name, id))
            elif ":" in text:
                canonical.append(text.replace(_BAR, "|"))
        # Of a URL with a version the entries hold both; only the version is meant.
        versioned = {text.partition("|")[0] for text in canonical if "|" in text}
        return Pointed(tuple(local), tuple(text for text in canonical if text not in versioned))


def is_canonical(parameter: Parameter) -> bool:
    """Return whether a reference parameter leads to resources by their canonical URL."""
    return any(source.type in ("canonical", "uri") for source in parameter.sources)


def _lay(tree: Node, parameter: Parameter, setting: Setting) -> None:
    for source in parameter.sources:
        sink = TYPES["reference"].sink("", source, parameter, setting)
        if sink is not None:
            tree.add(source.hops, sink)
