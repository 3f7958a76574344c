"""How the page of a plan is found: the database explains the queries that the page is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_server.model.explained import Walk
from fhir_server.model.plan import Plan
from fhir_server.model.view import View
from fhir_server.store.catalogue import Catalogue
from fhir_server.store.documents import PROJECTION
from fhir_server.store.drivers import driven
from fhir_server.store.reads import QUERY_MS
from fhir_server.store.refusals import database_errors
from fhir_server.store.searches import matching, page_query
from fhir_server.store.sorting import pipeline
from fhir_server.store.stretches import stretches

Command = dict[str, Any]


def explained(catalogue: Catalogue, plan: Plan, view: View) -> list[Walk]:
    """Return what the database does for the page of a plan, query by query.  They run once more for it."""
    if plan.count <= 0 or not catalogue.exists(plan.resource_type):
        return []
    plan = driven(catalogue, plan, view)
    walks: list[Walk] = []
    for command in _commands(catalogue, plan, view):
        with database_errors():
            database = catalogue.current(plan.resource_type).database
            told = database.command({"explain": command, "verbosity": "executionStats"})
        walks.append(_walk(told))
        if sum(walk.returned for walk in walks) > plan.count:
            break
    return walks


def _commands(catalogue: Catalogue, plan: Plan, view: View) -> Iterator[Command]:
    name = catalogue.current(plan.resource_type).name
    if plan.order.keys:
        stages = pipeline(plan, matching(plan, view))
        hint = catalogue.hint(plan.resource_type, plan.index)
        yield _hinted({"aggregate": name, "pipeline": stages, "cursor": {}, "maxTimeMS": QUERY_MS}, hint)
        return
    for stretch in stretches(plan):
        query = page_query(stretch, view)
        command = {
            "find": name, "filter": query.filter, "projection": PROJECTION, "sort": dict(query.sort),
            "limit": plan.count + 1, "maxTimeMS": QUERY_MS,
        }  # fmt: skip
        yield _hinted(command, catalogue.hint(plan.resource_type, query.hint))


def _hinted(command: Command, hint: str | None) -> Command:
    return command if hint is None else {**command, "hint": hint}


def _walk(told: Command) -> Walk:
    whole = _first(told, "executionStats") or {}
    stages = list(_stages(whole.get("executionStages", {})))
    return Walk(
        tuple(dict.fromkeys(stage["indexName"] for stage in stages if "indexName" in stage)),
        tuple(stage["stage"] for stage in stages),
        int(whole.get("totalKeysExamined", 0)),
        int(whole.get("totalDocsExamined", 0)),
        # Of a pipeline, what its last stage gives; of a query, what the query gives.
        int(told["stages"][-1].get("nReturned", 0) if "stages" in told else whole.get("nReturned", 0)),
        int(whole.get("executionTimeMillis", 0)),
    )


def _first(told: Any, name: str) -> Any:
    """Return the first member of a name, however deep; None where there is none."""
    if isinstance(told, list):
        return next((found for each in told if (found := _first(each, name)) is not None), None)
    if not isinstance(told, dict):
        return None
    return told[name] if name in told else _first(list(told.values()), name)


def _stages(stage: Any) -> Iterator[Command]:
    if not isinstance(stage, dict) or "stage" not in stage:
        return
    yield stage
    for name in ("inputStage", "outerStage", "innerStage"):
        yield from _stages(stage.get(name))
    for each in stage.get("inputStages", ()):
        yield from _stages(each)
