"""From a search that was understood to its plan: hops are followed first, a compartment is a condition."""

from __future__ import annotations

from dataclasses import replace

from fhir_server.interactions.context import Context
from fhir_server.interactions.hopping import followed
from fhir_server.interactions.request import Request
from fhir_server.model.plan import Condition, Plan, Position
from fhir_server.search.compartments import membership
from fhir_server.search.planner import plan
from fhir_server.search.ports import Systems
from fhir_server.search.request import SearchRequest


def planned(
    context: Context,
    request: Request,
    asked: SearchRequest,
    after: Position | None,
    systems: Systems | None = None,
) -> Plan:
    """Return the plan of a search inside the View of the request, its page no larger than pages are here.

    `systems` are asked in the place of the context's.  Raises FhirError `too-costly`.
    """
    further: list[Condition] = []
    if request.compartment is not None:
        catalogue = context.indexer.catalogue
        further.append(membership(catalogue, request.compartment, asked.resource_type))
    further.extend(followed(context, request.view, asked.hops))
    bound = plan(
        asked,
        systems=systems or context.systems,
        owner=request.view.owner_for(asked.resource_type),
        cross_person_types=context.cross_person_types,
        after=after,
        further=tuple(further),
    )
    most = context.limits.page_size_max
    return bound if bound.count <= most else replace(bound, count=most)
