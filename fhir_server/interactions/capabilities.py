"""capabilities: what this server does, told by the tables that it does it from.

Spec: https://hl7.org/fhir/R4/http.html#capabilities
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Final

from fhir_server.interactions.context import Context
from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.request import Reply, Request
from fhir_server.model import exact_json
from fhir_server.model.temporal import format_instant
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.includes import include_codes, reverse_includes
from profiles.registry import Registry

FHIR_VERSION = "4.0.1"
ANY_TYPE = "Resource"
"""Among the types of an operation: it can be called on all."""


EVERY_SEARCH: Final[Sequence[Mapping[str, str]]] = (
    {"name": "_has", "type": "special", "documentation": "`_has:Type:reference:parameter`, also nested"},
    {"name": "_list", "type": "special", "documentation": "The id of a List: what it names as items"},
)
"""Parameters of every type that no SearchParameter of R4 defines."""

COMPARTMENT_BASE: Final = "http://hl7.org/fhir/CompartmentDefinition/"
MOST_PROFILES: Final = 50
"""Profiles of one type that the statement lists."""
ANY_REFERENCE: Final = "*"
"""Includes of all references at once."""

SECURITY: Final[Mapping[str, Any]] = {
    "service": [{"text": "Bearer tokens that this server signed itself, for development"}],
    "description": "Every request but for this statement and the pages about the API carries "
    "`Authorization: Bearer`. It names exactly one person; a policy and that person's choices decide what "
    "it sees. What is hidden does not exist. Every answer is on record, and the person reads that record.",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the statement says that no table does."""

    name: str
    version: str
    base_url: str
    canonical_base: str
    started: datetime
    formats: tuple[str, ...]
    patch_formats: tuple[str, ...]
    update_create: bool
    conditional_delete: str
    """`single` or `multiple`."""
    governed: bool = False
    """Whether it is decided who may see and do what."""


class Statement:
    """The CapabilityStatement of one server, made when it is first asked for."""

    def __init__(self, facts: Facts, interactions: Sequence[Interaction], catalogue: Catalogue) -> None:
        self._facts = facts
        self._interactions = [row for row in interactions if row.declared]
        self._operations = [row for row in interactions if row.definition is not None]
        self._catalogue = catalogue
        self._reverse: Mapping[str, list[str]] = {}
        self._profiles: Mapping[str, list[str]] = {}
        self._lock = Lock()
        self._text: bytes | None = None

    def text(self) -> bytes:
        """Return the exact JSON text."""
        with self._lock:
            if self._text is None:
                self._text = exact_json.encode(self._resource())
            return self._text

    def _resource(self) -> Mapping[str, Any]:
        facts = self._facts
        self._reverse = reverse_includes(self._catalogue)
        self._profiles = profiles_by_type(self._catalogue.registry)
        return {
            "resourceType": "CapabilityStatement",
            "url": f"{facts.canonical_base}/CapabilityStatement/server",
            "version": facts.version,
            "name": "FhirServer",
            "status": "active",
            "date": format_instant(facts.started),
            "kind": "instance",
            "software": {"name": facts.name, "version": facts.version},
            "implementation": {"description": "FHIR R4 API", "url": facts.base_url},
            "fhirVersion": FHIR_VERSION,
            "format": list(facts.formats),
            "patchFormat": list(facts.patch_formats),
            "rest": [
                {
                    "mode": "server",
                    **({"security": SECURITY} if facts.governed else {}),
                    "resource": [
                        self._type(name) for name in sorted(self._catalogue.registry.resource_types)
                    ],
                    "interaction": self._codes("system"),
                    "searchParam": list(EVERY_SEARCH),
                    **self._operation(None, "system"),
                    "compartment": [
                        COMPARTMENT_BASE + name.lower()
                        for name in sorted(self._catalogue.registry.compartments)
                    ],
                }
            ],
        }

    def _type(self, name: str) -> Mapping[str, Any]:
        written: dict[str, Any] = {
            "type": name,
            "profile": f"http://hl7.org/fhir/StructureDefinition/{name}",
            "interaction": self._codes("instance", "type"),
            "versioning": "versioned-update",
            "readHistory": True,
            "updateCreate": self._facts.update_create,
            "conditionalCreate": True,
            "conditionalRead": "full-support",
            "conditionalUpdate": True,
            "conditionalDelete": self._facts.conditional_delete,
            "referencePolicy": ["literal", "logical"],
        }
        if self._profiles.get(name):
            written["supportedProfile"] = self._profiles[name]
        written.update(self._operation(name, "type", "instance"))
        includes = [f"{name}:{code}" for code in include_codes(self._catalogue, name)]
        if includes:
            written["searchInclude"] = [ANY_REFERENCE, *includes]
        reverse = self._reverse.get(name)
        if reverse:
            written["searchRevInclude"] = reverse
        parameters = list(self._parameters(name))
        if parameters:
            written["searchParam"] = parameters
        return written

    def _parameters(self, name: str) -> Iterable[Mapping[str, str]]:
        definitions = self._catalogue.registry.parameters.get(name, {})
        for code in sorted(self._catalogue.of(name).by_code):
            definition = definitions[code]
            yield {"name": code, "definition": definition.url, "type": definition.type}

    def _operation(self, type_name: str | None, *levels: str) -> Mapping[str, Any]:
        found = {
            row.name[1:]: row.definition
            for row in self._operations
            if row.level in levels and (type_name is None or self._is_of(row, type_name))
        }
        listed = [{"name": name, "definition": definition} for name, definition in sorted(found.items())]
        return {"operation": listed} if listed else {}

    def _is_of(self, row: Interaction, type_name: str) -> bool:
        """Whether the operation can be called on a type, as its definition says."""
        definition = self._catalogue.registry.operations.get(row.definition or "")
        return definition is None or not {ANY_TYPE, type_name}.isdisjoint(definition.resources)

    def _codes(self, *levels: str) -> list[Mapping[str, str]]:
        names = dict.fromkeys(row.name for row in self._interactions if row.level in levels)
        return [{"code": name} for name in names]


def profiles_by_type(registry: Registry) -> Mapping[str, list[str]]:
    """Return the profiles of the packages by the type that they constrain, at most `MOST_PROFILES` each."""
    found: dict[str, list[str]] = {}
    for url, name in sorted(registry.profile_types.items()):
        listed = found.setdefault(name, [])
        if len(listed) < MOST_PROFILES:
            listed.append(url)
    return found


def capabilities(context: Context, _request: Request) -> Reply:
    """Return the CapabilityStatement of this server."""
    return Reply(200, context.statement.text())
