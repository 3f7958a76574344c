"""Whose record each resource of a transaction is part of, where they can lead to each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.interactions.assemble import Identity, stamp
from fhir_server.interactions.context import Context
from fhir_server.interactions.entries import path_of
from fhir_server.interactions.ownership import target_owner
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.outcome import FhirError, Issue
from fhir_server.search.owner import TargetOwner

CONTENT = "Binary"
_POINTER = re.compile(rb'"Binary/([A-Za-z0-9.-]{1,64})"')


@dataclass(frozen=True, slots=True)
class Owners:
    """The stamped resources and their owners, by position."""

    stamped: Mapping[int, dict[str, Any]]
    owners: Mapping[int, str | None]


def owners_of(
    context: Context,
    request: Request,
    identities: Mapping[int, Identity],
    resources: Mapping[int, dict[str, Any]],
) -> Owners:
    """Return the owners.  A Binary that names none is of the one person whose documents point to it.

    Raises FhirError `two-persons` at its entry.
    """
    stamped = {position: stamp(resources[position], identities[position]) for position in resources}
    existing = frozenset(position for position in identities if identities[position].version > 1)
    search = _Search(context, target_owner(context, request), stamped, existing)
    owners = {position: search.at(position) for position in stamped}
    contents = [
        position
        for position, resource in stamped.items()
        if resource["resourceType"] == CONTENT and owners[position] is None
    ]
    if contents:
        pointed = _pointed_at(stamped, owners)
        owners.update((position, pointed.get(stamped[position]["id"])) for position in contents)
    return Owners(stamped, owners)


class _Search:
    """Owners by position, each worked out once; resources that lead in a circle have none."""

    def __init__(
        self,
        context: Context,
        stored: TargetOwner,
        stamped: Mapping[int, dict[str, Any]],
        existing: frozenset[int],
    ) -> None:
        self._context = context
        self._stored = stored
        self._stamped = stamped
        self._existing = existing
        self._positions = {
            (resource["resourceType"], resource["id"]): position for position, resource in stamped.items()
        }
        self._known: dict[int, str | None] = {}

    def at(self, position: int) -> str | None:
        """Return the owner of the resource at a position."""
        if position not in self._known:
            self._known[position] = None
            self._known[position] = self._work_out(position)
        return self._known[position]

    def _work_out(self, position: int) -> str | None:
        try:
            return self._context.owners.owner_of(self._stamped[position], target_owner=self._target)
        except FhirError as error:
            own = f"{self._stamped[position]['resourceType']}."
            path = f"{path_of(position)}.resource"
            issues = [
                Issue(issue.situation, issue.text, _below(issue.expression, own, path), issue.severity)
                for issue in error.issues
            ]
            raise FhirError(*issues, status=error.status) from None

    def _target(self, resource_type: str, id: str) -> str | None:
        position = self._positions.get((resource_type, id))
        if position is not None and (position not in self._existing or position not in self._known):
            return self.at(position)
        # Of another commit, or asked for while it is worked out: the owner that it has had all along.
        return self._stored(resource_type, id)


def _below(expression: str | None, own: str, path: str) -> str:
    if expression is None or not expression.startswith(own):
        return path
    return f"{path}.{expression.removeprefix(own)}"


def _pointed_at(stamped: Mapping[int, dict[str, Any]], owners: Mapping[int, str | None]) -> Mapping[str, str]:
    """Return the owner of each Binary that the documents of exactly one person point to, by id."""
    persons: dict[str, set[str]] = {}
    for position, resource in stamped.items():
        owner = owners[position]
        if owner is None:
            continue
        for id in _POINTER.findall(exact_json.encode(resource)):
            persons.setdefault(id.decode("ascii"), set()).add(owner)
    return {id: found.pop() for id, found in persons.items() if len(found) == 1}
