"""Chains and `_has`: criteria on what a resource points to, and on what points to it.

`subject:Patient.name=x` asks for what points to a Patient of that name, `_has:Observation:patient:code=x`
for what an Observation of that code points to.  Each may stand inside the other.  A hop is read here; the ids
that it leads to are looked up before the plan is made.

Spec: https://hl7.org/fhir/R4/search.html#chaining
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from fhir_server.model.outcome import FhirError, refuse
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.parameter import Filter, Parameter
from fhir_server.search.types.reference import reference_types

HAS: Final = "_has"
MAX_HOPS: Final = 5
"""How far one criterion may lead."""
MAX_ENDS: Final = 20
"""Types at which one criterion may end where it does not name them."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """What has to hold of a resource of one type."""

    resource_type: str
    held: Filter | Hop


@dataclass(frozen=True, slots=True)
class Hop:
    """Of a type: what points by `parameter` to a resource for which one of `inner` holds.

    With `reverse`, what a resource for which `inner` holds points to by its `parameter`.  `name` is how the
    client wrote it, for messages.
    """

    resource_type: str
    name: str
    parameter: Parameter
    inner: tuple[Criterion, ...]
    reverse: bool = False

    @property
    def ends(self) -> int:
        """How many criteria it ends at."""
        return sum(one.held.ends if isinstance(one.held, Hop) else 1 for one in self.inner)


ReadFilter = Callable[[str, str, str], Filter | None]
"""(resource type, name, value) → the filter, None where the type has no such parameter or there is no value.

Raises FhirError where the parameter is known and the rest is wrong.
"""


def is_hop(name: str) -> bool:
    """Return whether the name of a parameter is that of a chain or of `_has`."""
    return "." in name or name.partition(":")[0] == HAS


def read_hop(
    catalogue: Catalogue, resource_type: str, name: str, value: str, read_filter: ReadFilter
) -> Hop | None:
    """Return what a chain or a `_has` asks; None where its first parameter is unknown or there is no value.

    Raises FhirError `unsupported-modifier`, `illegal-parameter-value`, `too-costly`.
    """
    if name.count(".") + name.count(f"{HAS}:") > MAX_HOPS:
        raise refuse("too-costly", f"A chain has at most {MAX_HOPS} links; nested `{HAS}` count.")
    code = name.partition(".")[0].partition(":")[0]
    if not value or (code != HAS and catalogue.parameter(resource_type, code) is None):
        return None
    found = _Reader(catalogue, value, read_filter).pair(resource_type, name)
    return found if isinstance(found, Hop) else None


class _Reader:
    """Reads one pair; what it found for a type and the rest of a name it does not look for again."""

    def __init__(self, catalogue: Catalogue, value: str, read_filter: ReadFilter) -> None:
        self._catalogue = catalogue
        self._value = value
        self._read_filter = read_filter
        self._known: dict[tuple[str, str], Filter | Hop | None] = {}

    def pair(self, resource_type: str, name: str) -> Filter | Hop | None:
        """Return what the (rest of the) name asks of a type; None where that has no such parameter."""
        key = (resource_type, name)
        if key not in self._known:
            self._known[key] = self._read(resource_type, name)
        return self._known[key]

    def _read(self, resource_type: str, name: str) -> Filter | Hop | None:
        if not is_hop(name):
            return self._read_filter(resource_type, name, self._value)
        if name.partition(":")[0] == HAS:
            return self._reverse(resource_type, name)
        return self._forward(resource_type, name)

    def _forward(self, resource_type: str, name: str) -> Hop | None:
        head, _, rest = name.partition(".")
        code, colon, modifier = head.partition(":")
        parameter = self._catalogue.parameter(resource_type, code)
        if parameter is None:
            return None
        targets = self._targets(parameter, modifier if colon else None)
        inner, refused = self._at(targets, rest)
        if not inner:
            raise refused or refuse(
                "unsupported-modifier",
                f"`{plain(name)}`: {_listed(targets)} cannot be searched by `{plain(rest)}` here."
                + self._parameters_of(targets),
            )
        return _bounded(Hop(resource_type, plain(name), parameter, tuple(inner)))

    def _at(self, targets: Iterable[str], rest: str) -> tuple[list[Criterion], FhirError | None]:
        """Return what the rest of a chain asks of each type that it applies to, else why it does not."""
        inner: list[Criterion] = []
        refused: FhirError | None = None
        for target in targets:
            try:
                held = self.pair(target, rest)
            except FhirError as error:
                # What one type refuses can be right of another; nothing of this one matches it.
                refused = refused or error
                continue
            if held is not None:
                inner.append(Criterion(target, held))
        return inner, refused

    def _reverse(self, resource_type: str, name: str) -> Hop:
        _, *parts = name.split(":", 3)
        if len(parts) != 3:
            raise refuse(
                "unsupported-modifier",
                f"`{plain(name)}`: `{HAS}` is written `{HAS}:Type:reference:parameter`, "
                f"as in `{HAS}:Observation:patient:code`.",
            )
        source, code, rest = parts
        if source not in self._catalogue.registry.resource_types:
            raise refuse(
                "unsupported-modifier", f"`{plain(name)}`: there is no type `{plain(source)}` in R4."
            )
        parameter = self._catalogue.parameter(source, code)
        if parameter is None or not points_to(parameter, resource_type):
            known = ", ".join(sorted(self._pointing(source, resource_type))) or "none"
            raise refuse(
                "unsupported-modifier",
                f"`{plain(name)}`: `{plain(code)}` of {source} points to no {resource_type}. "
                f"These do: {known}.",
            )
        held = self.pair(source, rest)
        if held is None:
            raise refuse(
                "unsupported-modifier",
                f"`{plain(name)}`: {source} cannot be searched by `{plain(rest)}` here."
                + self._parameters_of((source,)),
            )
        return _bounded(Hop(resource_type, plain(name), parameter, (Criterion(source, held),), reverse=True))

    def _targets(self, parameter: Parameter, modifier: str | None) -> tuple[str, ...]:
        if not can_be_followed(parameter):
            by_code = self._catalogue.of(parameter.resource_type).by_code.values()
            known = ", ".join(sorted(one.code for one in by_code if can_be_followed(one)))
            raise refuse(
                "unsupported-modifier",
                f"`{parameter.code}` of {parameter.resource_type} points to nothing, so nothing can be "
                f"chained to it. References: {known or 'none'}.",
            )
        targets = (parameter.restrict,) if parameter.restrict is not None else reference_types(parameter)
        if modifier is None:
            return targets
        if modifier not in targets:
            raise refuse(
                "unsupported-modifier",
                f"`{parameter.code}:{plain(modifier)}` is not supported in a chain. "
                f"Supported: {', '.join(f':{name}' for name in targets)}.",
            )
        return (modifier,)

    def _pointing(self, source: str, target: str) -> Iterable[str]:
        by_code = self._catalogue.of(source).by_code.values()
        return (parameter.code for parameter in by_code if points_to(parameter, target))

    def _parameters_of(self, targets: Iterable[str]) -> str:
        named = tuple(targets)
        if len(named) != 1:
            return ""
        return f" Supported: {', '.join(sorted(self._catalogue.of(named[0]).by_code))}."


def can_be_followed(parameter: Parameter) -> bool:
    """Return whether a parameter leads to resources that are stored by themselves."""
    return parameter.type == "reference" and not any(
        source.type == "Resource" for source in parameter.sources
    )


def points_to(parameter: Parameter, resource_type: str) -> bool:
    """Return whether a parameter can lead to resources of a type."""
    return can_be_followed(parameter) and resource_type in target_types(parameter)


def target_types(parameter: Parameter) -> tuple[str, ...]:
    """Return the types that a parameter which can be followed can lead to."""
    return (parameter.restrict,) if parameter.restrict is not None else reference_types(parameter)


def plain(name: str) -> str:
    """Return the name as it can be echoed: short, and without what could be taken for markup."""
    return "".join(character for character in name[:100] if character.isalnum() or character in "-_.:")


def _bounded(hop: Hop) -> Hop:
    if hop.ends > MAX_ENDS:
        raise refuse(
            "too-costly",
            f"`{hop.name}` ends at more than {MAX_ENDS} types. Name the type, as in `subject:Patient.name`.",
        )
    return hop


def _listed(targets: tuple[str, ...]) -> str:
    return ", ".join(targets) if len(targets) <= 5 else f"none of its {len(targets)} types"
