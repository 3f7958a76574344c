"""How far what is written is validated, as the settings say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

STRUCTURE: Final = "structure"
PROFILES: Final = "profiles"
Level = Literal["structure", "profiles"]


@dataclass(frozen=True, slots=True)
class Demands:
    """What a resource has to conform to.

    `level`: its structure alone, or the rules of FHIR and the profiles that it names too.  `required`:
    resource type → canonicals of profiles that its instances have to conform to, named or not.
    """

    level: Level = STRUCTURE
    required: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def reach_beyond_structure(self, resource_type: str) -> bool:
        """Return whether anything but the structure of such a resource is asked about."""
        return self.level != STRUCTURE or resource_type in self.required

    def profiles_of(self, resource_type: str) -> tuple[str, ...]:
        """Return the profiles that such a resource has to conform to."""
        return self.required.get(resource_type, ())


def demands_of(level: Level, required: Iterable[str]) -> Demands:
    """Return the demands of a level and of `Type=canonical` items."""
    found: dict[str, tuple[str, ...]] = {}
    for item in required:
        resource_type, _, canonical = item.partition("=")
        found[resource_type] = (*found.get(resource_type, ()), canonical)
    return Demands(level, MappingProxyType(found))
