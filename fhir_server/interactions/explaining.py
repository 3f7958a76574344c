"""`_explain=true`: how a page was found, as an entry of the searchset.

Only where access is not governed: what was examined, and how long it took, can tell of what is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request
from fhir_server.interactions.searchset import told_entry
from fhir_server.model.explained import Walk
from fhir_server.model.outcome import Issue, refuse
from fhir_server.model.plan import Plan
from fhir_server.search.request import SearchRequest
from fhir_server.search.result_parameters import EXPLAIN


def explained(context: Context, request: Request, asked: SearchRequest, bound: Plan) -> Sequence[bytes]:
    """Return the entry that explains a page, if one is asked for.

    Raises FhirError `unknown-parameter` where access is governed.
    """
    if not asked.page.explained:
        return ()
    if context.policy is not None:
        raise refuse("unknown-parameter", f"`{EXPLAIN}` is for servers that hold the data of nobody.")
    walks = context.records.explain(bound, request.view)
    issues = [Issue("done", _text(walk), None, "information") for walk in walks]
    issues.append(Issue("done", _planned(bound), None, "information"))
    return (told_entry(context.canonical_base, issues),)


def _text(walk: Walk) -> str:
    indexes = ", ".join(walk.indexes) or "none"
    return (
        f"index: {indexes}; stages: {' < '.join(walk.stages)}; keys examined: {walk.keys}; "
        f"documents examined: {walk.documents}; returned: {walk.returned}; {walk.milliseconds} ms"
    )


def _planned(bound: Plan) -> str:
    opening = bound.index.value if bound.index is not None else "left to the database"
    scope = "one record" if bound.owner is not None else "across persons"
    driver = type(bound.driver).__name__ if bound.driver is not None else "none"
    order = "computed" if bound.order.keys else bound.order.by.value
    weighed = ", ".join(one.index.value for one in bound.candidates) or "nothing"
    return f"planned: {scope}; index: {opening}; driver: {driver}; order: {order}; weighed: {weighed}"
