"""Guards on labels: who may give one, that none is lost by a write, and what only operations write.

Labels of the policy are a set that grows by writes and shrinks by `$show` alone: an update that leaves one
out keeps it, a patch or `$meta-delete` that takes one away is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fhir_server.access.decide import REFUSED
from fhir_server.access.labelling import DOCUMENT, Labelling, with_coding
from fhir_server.access.policy import CHOICE
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.document import Facts, Stored
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.unit_of_work import VersionConflict

Resource = dict[str, Any]

ONLY_OPERATIONS: Final = (
    "What a person chose is written by the operations on the Patient ($hide, $block, $authorise …) only."
)
REMOVAL: Final = "A label that hides the resource is taken off with $show only; other changes leave it there."
SEVERAL: Final = "These labels exclude each other: the resource can have one of them, not both."


def guard(
    context: Context,
    request: Request,
    resource: Resource,
    before: Stored | None,
    *,
    keeps: bool = True,
) -> Resource:
    """Return the resource with all labels that it has to have.

    `before` is the version that it follows, with its facts.  `keeps`: a label of it that was left out is
    carried over; else taking one away is meant and refused.  Raises FhirError `operation-only`,
    `label-removal`, `forbidden-labels`, and `refused` where the actor may not give a label.
    """
    labelling = context.labelling
    if not labelling.governs:
        return resource
    facts = None if before is None else before.facts
    refuse_choice(labelling, facts, resource)
    held = _held(context, request, before)
    missing = _missing(labelling, held, resource)
    if missing and not keeps:
        raise refuse("label-removal", REMOVAL, _place(resource))
    for coding in missing.values():
        resource = with_coding(resource, coding)
    _check_given(labelling, request, held, resource)
    return resource


def refuse_choice(labelling: Labelling, before: Facts | None, resource: Resource | None) -> None:
    """Raise FhirError `operation-only` for what mirrors a choice, before or after the write."""
    was = before is not None and CHOICE in before.access.labels
    if was or (resource is not None and labelling.is_choice(resource)):
        raise refuse("operation-only", ONLY_OPERATIONS, "Consent.category")
    if resource is not None and labelling.names_choice(resource):
        raise refuse("operation-only", ONLY_OPERATIONS, _place(resource))


def check_together(labelling: Labelling, resource: Resource) -> None:
    """Raise FhirError `forbidden-labels` where own labels of a resource exclude each other."""
    labels, _ = labelling.own(resource)
    if labelling.forbidden(labels) is not None:
        raise refuse("forbidden-labels", SEVERAL, _place(resource))


def with_facts(context: Context, request: Request, stored: Stored) -> Stored:
    """Return a version that a search found, with its facts.

    Raises VersionConflict where it is no longer what was found.
    """
    return with_all_facts(context, request, [stored])[0]


def with_all_facts(context: Context, request: Request, found: Sequence[Stored]) -> list[Stored]:
    """Return versions that searches found, in their order, with their facts; raises as `with_facts`."""
    if not context.labelling.governs:
        return list(found)
    by_type: dict[str, list[str]] = {}
    for stored in found:
        if stored.facts is None:
            by_type.setdefault(stored.resource_type, []).append(stored.id)
    again = {
        resource_type: context.records.read_many(resource_type, ids, request.view, facts=True)
        for resource_type, ids in by_type.items()
    }
    return [stored if stored.facts is not None else _same(stored, again) for stored in found]


def _same(stored: Stored, again: Mapping[str, Mapping[str, Stored]]) -> Stored:
    now = again[stored.resource_type].get(stored.id)
    # A label can come or go within a version: what is worked out from the text must be from this one.
    if now is None or now.version != stored.version or now.body != stored.body:
        raise VersionConflict(stored.resource_type, stored.id)
    return now


def _held(context: Context, request: Request, before: Stored | None) -> Resource | None:
    """Return the resource before, where it has labels that must not be lost.

    What comes back after its deletion follows the version that was deleted.
    """
    if before is None or before.facts is None:
        return None
    if context.labelling.protected.isdisjoint(before.facts.access.labels):
        return None
    body = before.body
    if before.deleted:
        former = context.records.history(
            before.resource_type, before.id, request.view, count=1, before_version=before.version
        )
        body = former[0].body if former else b""
    held: Resource | None = exact_json.decode(body) if body else None
    return held


def _missing(labelling: Labelling, held: Resource | None, resource: Resource) -> Mapping[str, Any]:
    """Return protected labels of the resource before that the one after has not, with their codings."""
    if held is None:
        return {}
    own, _ = labelling.own(resource)
    return {
        label: coding
        for label, coding in labelling.label_codings(held)
        if label in labelling.protected and label not in own
    }


def _check_given(labelling: Labelling, request: Request, held: Resource | None, resource: Resource) -> None:
    own, _ = labelling.own(resource)
    had = () if held is None else labelling.own(held)[0]
    new = [label for label in own if label in labelling.protected and label not in had]
    if any(not labelling.may_set(label, request.actor.kind) for label in new):
        raise _refused()
    if new:
        check_together(labelling, resource)


def _place(resource: Resource) -> str:
    resource_type = resource["resourceType"]
    element = "securityLabel" if resource_type == DOCUMENT else "meta.security"
    return f"{resource_type}.{element}"


def _refused() -> FhirError:
    return refuse("refused", REFUSED)
