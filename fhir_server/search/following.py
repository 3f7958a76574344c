"""What a hop has the database look up, and the condition that becomes of what it found.  Pure.

A chain looks up the ids of what it leads to (or their canonical URLs, where those are pointed to) and asks
for what points there; `_has` looks up what is pointed to and asks for these ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fhir_server.model.plan import Condition, Has, IdIn, Or, Pointed, Pointers
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.includes import is_canonical
from fhir_server.search.parameter import Filter, Parameter
from fhir_server.search.parameter_types import type_of
from fhir_server.search.spelling import plain
from fhir_server.search.types.reference import ReferenceValue, marker, points_to_owner

PATIENT = "Patient"
URL = "url"


def to_ids(parameter: Parameter, resource_type: str, ids: Iterable[str]) -> Condition:
    """Return what holds for the resources that point by `parameter` to one of `ids` of a type."""
    values = tuple(
        ReferenceValue((f"{resource_type}/{id}",), (id,) if resource_type == PATIENT else ()) for id in ids
    )
    if not values:
        return Or(())
    return type_of(parameter).bind(Filter(parameter, None, values), _no_systems)


def to_urls(parameter: Parameter, urls: Iterable[str]) -> Condition:
    """Return what holds for the resources that point by `parameter` to one of these canonical URLs."""
    return Has("token", tuple(plain(name, url) for name in parameter.names for url in urls))


def pointers(parameter: Parameter, target: str) -> Pointers:
    """Return what to gather of resources to learn what of type `target` they point to by `parameter`."""
    if is_canonical(parameter):
        return Pointers(tuple(f"{name}=" for name in parameter.names))
    starts = tuple(f"{name}={target}/" for name in parameter.names)
    if target != PATIENT or parameter.owner == "never":
        return Pointers(starts)
    if parameter.owner == "may":
        return Pointers(starts, "if", tuple(points_to_owner(name) for name in parameter.names))
    return Pointers(starts, "unless", tuple(marker(name) for name in parameter.names))


def own_urls(catalogue: Catalogue, resource_type: str) -> Pointers | None:
    """Return what to gather of resources to learn their canonical URLs; None where they have none."""
    parameter = catalogue.parameter(resource_type, URL)
    return None if parameter is None else Pointers(tuple(f"{name}=" for name in parameter.names))


def pointed_at(catalogue: Catalogue, parameter: Parameter, target: str, found: Pointed) -> Condition:
    """Return what holds for the resources of type `target` that were found to be pointed at."""
    if not is_canonical(parameter):
        return IdIn(tuple(dict.fromkeys((*found.texts, *found.persons))))
    url = catalogue.parameter(target, URL)
    return to_urls(url, found.texts) if url is not None else Or(())


def _no_systems(_parameter: str) -> Sequence[str]:
    return ()
