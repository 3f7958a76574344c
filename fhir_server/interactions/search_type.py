"""search-type: one page of what matches, by GET or by a posted form, of a whole type or within a compartment.

Spec: https://hl7.org/fhir/R4/http.html#search, https://hl7.org/fhir/R4/http.html#vsearch
"""

from __future__ import annotations

from fhir_server.interactions.answering import answer
from fhir_server.interactions.context import Context
from fhir_server.interactions.explaining import explained
from fhir_server.interactions.paging import total_of
from fhir_server.interactions.read import not_found
from fhir_server.interactions.request import Reply, Request
from fhir_server.interactions.understanding import understood
from fhir_server.model.plan import Page
from fhir_server.search.compartments import PATIENT, check_member


def search_type(context: Context, request: Request) -> Reply:
    """Return a searchset of at most `_count` resources, with the link of the next page.

    `total` is there where the client asks for it or where it is known without counting.
    Raises FhirError `illegal-parameter-value`, `unsupported-modifier`, `illegal-cursor`, `too-costly`, and
    `unknown-parameter` when the client asks to be strict; `unknown-address` and `not-found` of compartments.
    """
    check_compartment(context, request)
    search = understood(context, request)
    asked = search.asked
    page, total = Page(()), None
    if asked.page.only_total:
        total = context.records.count(search.bound, request.view)
    else:
        page = context.records.search(search.bound, request.view)
        total = total_of(context, request, asked.page.total, search.bound, page)
    told = explained(context, request, asked, search.bound)
    return answer(context, request, asked, search.digest, page, total, told=told)


def check_compartment(context: Context, request: Request) -> None:
    """Raise FhirError unless the compartment can be searched for the type.

    `unknown-address`: there is no such compartment, or the type has no part in it.  `not-found`: what defines
    it is absent or hidden; of a Patient that is the gate's to say, and one that nobody knows has nothing.
    """
    within = request.compartment
    if within is None:
        return
    check_member(context.registry, within.resource_type, request.resource_type)
    if within.resource_type == PATIENT:
        return
    stored = context.records.read(within.resource_type, within.id, request.view)
    if stored is None or stored.deleted:
        raise not_found()
