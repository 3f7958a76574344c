"""Between which resources labels flow at a write: never where they would tell what the writer does not see.

Whoever refers to something hidden could else see from the labels of its own deposit that it is there.  The
source is remembered all the same: what the person hides later covers everything that refers to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from fhir_server.access.labelling import class_in
from fhir_server.access.spread import is_resource, not_flowing, unseen
from fhir_server.interactions.request import Request
from fhir_server.model.actor import OPEN, Actor
from fhir_server.model.document import Facts
from fhir_server.model.predicate import Nothing, matches

CONTENT: Final = "Binary"
"""The type that says nothing by itself: what it is, is said by what points to it."""


def authors_of(actor: Actor) -> tuple[str, ...]:
    """Return the identifiers under which a deposit of the actor is remembered as its own."""
    if actor == OPEN:
        return ()
    return (actor.identity, actor.structure) if actor.structure else (actor.identity,)


def not_inherited(
    request: Request,
    resource_type: str,
    source: Facts,
    former: Collection[str],
    *,
    passes_class: bool,
    rewrites: bool,
) -> Iterator[str]:
    """Yield what of a stored source does not flow into a resource, as sources.

    `resource_type` is that of the resource, `former` are the sources that it had; `passes_class`: the type
    class would flow too.  `rewrites`: only labels are written, so that nothing more can come than did.
    """
    if not rewrites and _inherits(request, resource_type, source):
        return
    name = f"{source.resource_type}/{source.id}"
    labels = set(source.access.labels)
    if passes_class and class_in(source):
        labels.add("")
    if name in former:
        # What flowed stays: to write again what one no longer sees is no way to take a label off.
        labels &= not_flowing(former).get(name, frozenset())
    for label in sorted(labels):
        yield unseen(name, label)


def gives_to(request: Request, giver: str, target: Facts) -> bool:
    """Return whether something stored gets the labels of what newly points to it.

    It does where it did already, where the writer deposited it, and where it is content that nobody claimed
    yet.  What says something by itself is not hidden from others because somebody else points to it.
    """
    sources = target.access.source
    if giver in sources or _is_author(request, target):
        return True
    if target.resource_type != CONTENT or any(is_resource(source) for source in sources):
        return False
    reads = request.view.reads(target.resource_type)
    return isinstance(reads, Nothing) or matches(reads, target)


def kept_from(target: Facts, giver: str, chosen: Collection[str]) -> Iterator[str]:
    """Yield what does not flow into something stored from what newly points to it, as sources.

    `chosen` are the labels that the giver has because of what the person chose for deposits to come.  That
    covers content, and not what was there before and says something by itself: its author would see what was
    chosen from what others made of it, which would vanish.
    """
    if target.resource_type != CONTENT:
        for label in sorted(chosen):
            yield unseen(giver, label)


def _inherits(request: Request, resource_type: str, source: Facts) -> bool:
    """Whoever reads nothing of a kind deposits unseen: it learns nothing from labels that it never meets."""
    reads = request.view.reads(source.resource_type)
    if matches(reads, source):
        return True
    if not isinstance(reads, Nothing):
        return False
    return isinstance(request.view.reads(resource_type), Nothing) or _is_author(request, source)


def _is_author(request: Request, facts: Facts) -> bool:
    return not set(authors_of(request.actor)).isdisjoint(facts.access.authors)
