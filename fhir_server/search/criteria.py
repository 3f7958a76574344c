"""Criteria that guard a write: `If-None-Exist` and conditional references.

Spec: https://hl7.org/fhir/R4/http.html#ccreate
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qsl

from fhir_server.model.outcome import refuse
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.hops import is_hop
from fhir_server.search.request import SearchRequest, parse
from fhir_server.search.result_parameters import RESULT_PARAMETERS

_HARMLESS = frozenset({"_format", "_pretty"})
_MAX_PAIRS = 100


def criteria(catalogue: Catalogue, resource_type: str, query: str, *, now: datetime) -> SearchRequest:
    """Read the query string of a conditional interaction (without `?`, still percent-encoded).

    Every parameter has to be known and to select; at least one has to be there.  `SearchRequest.key` is what
    queries that say the same have in common.
    Raises FhirError `criteria-needed`, `unknown-parameter`, `unsupported-modifier`,
    `illegal-parameter-value`.
    """
    query = query.removeprefix("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PAIRS)
    except ValueError:
        raise refuse("illegal-parameter-value", "The criteria are not a query string in UTF-8.") from None
    for name, _ in pairs:
        if name in RESULT_PARAMETERS and name not in _HARMLESS:
            raise refuse("criteria-needed", f"`{name}` does not select resources; leave it out.")
        if is_hop(name):
            text = "Criteria of a write take no chains and no `_has`: name what the resource itself holds."
            raise refuse("unsupported-modifier", text)
    request = parse(catalogue, resource_type, pairs, now=now, strict=True)
    if not request.filters:
        raise refuse(
            "criteria-needed",
            "The criteria select nothing. Name a search parameter, such as `identifier=system|value`.",
        )
    return request
