"""Compartments: what belongs to a Patient, an Encounter, a Practitioner, a RelatedPerson or a Device.

Spec: https://hl7.org/fhir/R4/compartmentdefinition.html
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Condition, IdIn, Or
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.following import to_ids
from profiles.registry import Registry

PATIENT = "Patient"
ITSELF = "{def}"
"""Among the parameters of a compartment: the resource that defines it."""


@dataclass(frozen=True, slots=True)
class Compartment:
    """The compartment of one resource."""

    resource_type: str
    id: str

    def __str__(self) -> str:
        return f"{self.resource_type}/{self.id}"


def member_types(registry: Registry, compartment: str) -> tuple[str, ...]:
    """Return the types of which a compartment of some type has members, in the order of their names.

    Raises FhirError `unknown-address` where the type has no compartments.
    """
    members = registry.compartments.get(compartment)
    if members is None:
        known = ", ".join(sorted(registry.compartments))
        raise refuse("unknown-address", f"{compartment} has no compartments; these types have: {known}.")
    return tuple(sorted(name for name, codes in members.items() if codes))


def check_member(registry: Registry, compartment: str, resource_type: str) -> None:
    """Raise FhirError `unknown-address` where resources of the type (empty: any) are never in it."""
    if resource_type not in ("", *member_types(registry, compartment)):
        raise refuse("unknown-address", f"{resource_type} is not part of {compartment} compartments.")


def membership(catalogue: Catalogue, compartment: Compartment, resource_type: str) -> Condition:
    """Return what holds for the resources of a type that are in the compartment."""
    members = catalogue.registry.compartments.get(compartment.resource_type, {})
    parts: list[Condition] = []
    for code in members.get(resource_type, ()):
        parameter = catalogue.parameter(resource_type, code)
        if code == ITSELF:
            parts.append(IdIn((compartment.id,)))
        elif parameter is not None and parameter.type == "reference":
            parts.append(to_ids(parameter, compartment.resource_type, (compartment.id,)))
    return parts[0] if len(parts) == 1 else Or(tuple(parts))
