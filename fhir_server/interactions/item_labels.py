"""A label of one stored resource, set or taken off by an operation: a set of labels, never a list of places.

No version is made: the current one is rewritten in its place, so that hiding and showing again leave no trace
for those from whom it was hidden.  Whatever takes its labels from the resource is relabelled with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import Raw

from fhir_server.access.choices import PersonChoices
from fhir_server.access.decide import REFUSED
from fhir_server.access.labelling import Labelling
from fhir_server.access.policy import Label, Policy
from fhir_server.access.relations import relations_of
from fhir_server.interactions.choosing import governing, sees_choices
from fhir_server.interactions.context import Context
from fhir_server.interactions.read import deleted, entity, not_found
from fhir_server.interactions.relabelling import Draft, settle
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.document import Document, Facts, Stored
from fhir_server.model.outcome import refuse
from fhir_server.model.predicate import matches
from fhir_server.model.unit_of_work import Flow, Relabel, Replace


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a change of a label writes; nothing where it was so already."""

    entity: str
    rewrites: tuple[Replace, ...] = ()
    relabels: tuple[Relabel, ...] = ()
    flows: tuple[Flow, ...] = ()
    labels: tuple[str, ...] = ()
    """Those of the resource by then."""

    @property
    def documents(self) -> tuple[Document, ...]:
        """The resource as it is rewritten, if it is."""
        return tuple(one.document for one in self.rewrites)


def labelled(context: Context, request: Request, choices: PersonChoices, label: str, on: bool) -> Labelled:
    """Return what it takes that the addressed resource has the label, or has it no longer.

    Raises FhirError `not-found`, `deleted`, `illegal-choice` for a label that the policy does not have,
    `refused` where the policy does not let the actor change it here, `forbidden-labels`.
    """
    policy = governing(context)
    known = known_label(policy, label)
    current = context.records.read(request.resource_type, request.id, request.view, facts=True)
    if current is None or current.facts is None:
        raise not_found()
    if current.deleted:
        raise deleted(current)
    _check_actor(context, request, choices, known.set_by if on else known.dropped_by, current.facts)
    return _relabelled(context, request, current, current.facts, label, on)


def _relabelled(
    context: Context, request: Request, current: Stored, before: Facts, label: str, on: bool
) -> Labelled:
    labelling: Labelling = context.labelling
    resource: dict[str, Any] = exact_json.decode(current.body)
    changed = labelling.with_label(resource, label) if on else labelling.without_label(resource, label)
    drops = frozenset() if on else frozenset({label})
    draft = Draft(changed, current.owner, before, drops=drops, rewrites=True)
    settled = settle(context, request, [draft])
    facts = settled.facts[0]
    name = entity(current.resource_type, current.id, current.version)
    if changed is resource and facts == before:
        return Labelled(name, labels=facts.access.labels)
    if labelling.forbidden(facts.access.labels) and not labelling.forbidden(before.access.labels):
        raise refuse("forbidden-labels", "The policy does not let an item have these labels together.")
    document = Document(
        facts=facts,
        version=current.version,
        updated=current.updated,
        seq=current.seq,
        resource=changed,
        search=context.indexer.entries(changed, owner=current.owner),
        raw=Raw(exact_json.encode(changed)),
    )
    rewrites = (Replace(document, current.version, before),)
    return Labelled(name, rewrites, settled.relabels, settled.flows, facts.access.labels)


def known_label(policy: Policy, label: str) -> Label:
    """Return a label of the policy by its neutral name.  Raises FhirError `illegal-choice`."""
    known = policy.labels.get(label)
    if known is None:
        names = ", ".join(f"`{name}`" for name in policy.labels)
        raise refuse("illegal-choice", f"There is no label of this name; there are {names}.")
    if not known.codings:
        raise refuse("illegal-choice", "The policy has no code to write this label with.")
    return known


def check_labelled_type(policy: Policy, request: Request) -> None:
    """Raise FhirError `illegal-choice` for a type whose resources have no such labels."""
    if request.resource_type in policy.administrative or request.resource_type in policy.directory.types:
        text = "What says who the person is, and what is of no person, has no such label."
        raise refuse("illegal-choice", text)


def _check_actor(
    context: Context, request: Request, choices: PersonChoices, allowed: frozenset[str], facts: Facts
) -> None:
    """The person's side labels whatever it sees; anyone else what it deposited itself."""
    held = relations_of(governing(context), request.actor, choices, request.now)
    if allowed.isdisjoint({request.actor.kind, *held}):
        raise refuse("refused", REFUSED)
    if sees_choices(context, request):
        return
    if not matches(request.view.writes(request.resource_type), facts):
        raise refuse("refused", REFUSED)
