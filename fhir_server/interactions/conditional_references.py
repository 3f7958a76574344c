"""Conditional references outside of a transaction: nothing resolves them there, so they are refused.

Spec: https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

import re

from fhir_server.interactions.context import Context
from fhir_server.interactions.transaction.links import LinkFault
from fhir_server.model.document import Document
from fhir_server.model.outcome import FhirError
from fhir_server.model.reference import ReferenceKind, parse_reference

_CANDIDATE = re.compile(rb'"reference":"[A-Z][A-Za-z]*\?')
"""What every one of them looks like in the text of a resource, as do a few things that are none."""


def refuse_conditional_references(context: Context, document: Document) -> None:
    """Raise FhirError `illegal-reference` at the first conditional reference of a resource."""
    if document.raw is None or document.resource is None or not _CANDIDATE.search(bytes(document.raw)):
        return
    try:
        context.links.rewrite(document.resource, _Refuses())
    except LinkFault as fault:
        raise FhirError(fault.issue(document.facts.resource_type)) from None


class _Refuses:
    """Refuses conditional references and leaves every other link alone."""

    def reference(self, text: str) -> str:
        if parse_reference(text).kind is ReferenceKind.CONDITIONAL:
            raise LinkFault("illegal-reference", "A conditional reference is resolved only in a transaction.")
        return text

    def uri(self, text: str) -> str:
        return text

    def name(self, text: str) -> str:
        return text
