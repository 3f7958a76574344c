"""The Registry: every definition of one generation, immutable, looked up by name.

A posted definition makes generation N+1: a new Registry that the workers swap in whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from profiles.definitions import (
    CodeSystem,
    OperationDefinition,
    Profile,
    SearchParameter,
    StructureDefinition,
    ValueSet,
)


@dataclass(frozen=True, slots=True)
class Package:
    """Where definitions came from."""

    id: str
    version: str
    sha256: str
    licence: str
    depends: tuple[str, ...] = ()
    """The packages (`ID#VERSION`) that it was built over, in the order in which they are loaded before it."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Definitions by name.

    `structures`: by type name (`Observation`, `HumanName`, `code`).
    `parameters`: resource type → code → parameter; `Resource` and `DomainResource` codes (`_id`,
    `_lastUpdated`, `_text` …) are found under every resource type.
    `compartments`: compartment (`Patient`) → resource type → codes of the reference parameters that link
    (`{def}` for the compartment's own type).
    `value_sets`, `code_systems`, `operations`: by canonical without version.
    """

    generation: int
    packages: tuple[Package, ...]
    structures: Mapping[str, StructureDefinition]
    parameters: Mapping[str, Mapping[str, SearchParameter]]
    compartments: Mapping[str, Mapping[str, tuple[str, ...]]]
    value_sets: Mapping[str, ValueSet]
    resource_types: frozenset[str]
    """Names of the concrete resource types."""
    code_systems: Mapping[str, CodeSystem] = field(default_factory=lambda: MappingProxyType({}))
    operations: Mapping[str, OperationDefinition] = field(default_factory=lambda: MappingProxyType({}))
    profiles: Mapping[str, Profile] = field(default_factory=lambda: MappingProxyType({}))
    """By canonical without version, and by `canonical|version`.  Types themselves are in `structures`."""
    profile_types: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Profile of a package, by canonical without version → the type that it constrains."""
    _by_url: Mapping[str, SearchParameter] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_url = {
            parameter.url: parameter for codes in self.parameters.values() for parameter in codes.values()
        }
        object.__setattr__(self, "_by_url", MappingProxyType(by_url))

    def parameter_by_url(self, url: str) -> SearchParameter | None:
        """Return the search parameter of that canonical, or None."""
        return self._by_url.get(url)

    def profile(self, canonical: str) -> Profile | None:
        """Return the profile that a canonical names, None if there is none.

        With a version (`url|1.1.0`) that very one, or, where it is not here, the one without a version.
        """
        return self.profiles.get(canonical) or self.profiles.get(canonical.partition("|")[0])
