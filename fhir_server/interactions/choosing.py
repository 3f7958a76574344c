"""A choice of the person, carried out: choices, the Consent that mirrors them, labels, audit and notices.

All of it is one commit.  What is chosen is a pure change of `access.choices`; where another change came
first, it is made anew from what is there by then.  Choosing what is chosen already changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from fhir_server.access.choice_words import in_force
from fhir_server.access.choices import Period, PersonChoices, changed, no_choices, read_choices
from fhir_server.access.consent import Mirror
from fhir_server.access.decide import acting
from fhir_server.access.person_choices import is_secret, with_secrets, without_secrets
from fhir_server.access.policy import CHOICE, WITHHELD_FROM_REPRESENTATIVES, Policy
from fhir_server.interactions import notices, replays
from fhir_server.interactions.auditing import audit_entries
from fhir_server.interactions.context import Context
from fhir_server.interactions.mirroring import CONSENT, mirrored
from fhir_server.interactions.operation_input import PARAMETERS
from fhir_server.interactions.preconditions import ANY, stale, version_ids
from fhir_server.interactions.read import entity, not_found
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.interactions.writing import gave_up
from fhir_server.model import exact_json
from fhir_server.model.audit import Notice
from fhir_server.model.document import Access, Document, Facts
from fhir_server.model.outcome import Issue, operation_outcome, refuse
from fhir_server.model.predicate import matches
from fhir_server.model.unit_of_work import (
    Flow,
    Relabel,
    Replace,
    ReplayFound,
    UnitOfWork,
    VersionConflict,
)

OPERATIONS: Final = frozenset({
    "$hide", "$show", "$block", "$unblock", "$authorise", "$withdraw", "$set-role", "$emergency-switch",
    "$cross-border-choice", "$service", "$see-as",
})  # fmt: skip
"""Those about choices: that one was called tells of them, also where it changed nothing."""

KIND: Final = "choice"
"""The notices of a choice."""

CHOSEN: Final = "This is in force from now on."
SAME: Final = "This was so already: nothing changed."
DECLARED: Final = "This is noted, and told to the person; it holds unless the person has chosen otherwise."


@dataclass(frozen=True, slots=True)
class Change:
    """What an operation makes of the choices, and of the labels of an item."""

    choices: PersonChoices
    rewrites: tuple[Replace, ...] = ()
    relabels: tuple[Relabel, ...] = ()
    flows: tuple[Flow, ...] = ()
    releases: tuple[Document, ...] = ()
    """What those who are told of deposits see from now on."""
    shown: tuple[str, ...] = ()
    """`Type/id/_history/version` of what it is about."""


Choose = Callable[[PersonChoices], Change]


def choose(context: Context, request: Request, choosing: Choose) -> Reply:
    """Carry out a choice about the person of the View and say what is in force then.

    `choosing` may be called again, with the choices of that time.  What was chosen under an idempotency key
    is chosen once.  Raises FhirError `illegal-choice`,
    `stale-version` where If-Match names another version of the choices, `conflict`, and those of `choosing`.
    """
    owner = owner_of(request)
    if replays.earlier(context, request) is not None:
        return _again(context, request, owner)
    for _ in range(context.limits.attempts):
        known = current_choices(context, owner)
        before = as_told(context, request, known)
        _check_version(context, request, before)
        change = choosing(before)
        differs = not _same(before, change.choices)
        if not (differs or change.rewrites or change.relabels) and sees_choices(context, request):
            return replace(_answer(context, request, known, SAME), shown=_shown(owner, change.shown))
        after = known
        if differs:
            after = change.choices if before is known else with_secrets(change.choices, known)
            after = replace(after, secret_changes=known.secret_changes + is_secret(known, after))
        try:
            after = _commit(context, request, known, after, change, differs=differs)
        except ReplayFound as found:
            if request.idempotency is None:
                raise
            replays.again(request.idempotency, found.digest, found.reply)
            return _again(context, request, owner)
        except VersionConflict:
            if request.conditions.if_match is not None:
                raise stale() from None
            continue
        return replace(_answer(context, request, after, CHOSEN), audited=True)
    raise gave_up()


def _again(context: Context, request: Request, owner: str) -> Reply:
    """Return the answer of an earlier request of the same key: what is in force by now."""
    now = current_choices(context, owner)
    reply = replace(_answer(context, request, now, CHOSEN), shown=_shown(owner, ()))
    return replace(reply, headers={replays.REPLAYED: "true"})


def owner_of(request: Request) -> str:
    """Return the person whose choices the request is about.

    Raises FhirError `not-found`: what the request names is in nobody's record, or in none that is seen.
    """
    if request.view.owner is None:
        raise not_found()
    return request.view.owner


def governing(context: Context) -> Policy:
    """Return the policy.  Raises FhirError `unknown-operation` where nothing is governed."""
    if context.policy is None or context.choices is None:
        raise refuse("unknown-operation", "Without access control there is nothing to choose.")
    return context.policy


def current_choices(context: Context, owner: str) -> PersonChoices:
    """Return what the person has chosen by now."""
    governing(context)
    found = context.choices.of(owner) if context.choices is not None else None
    return no_choices(owner) if found is None else read_choices(found)


def sees_choices(context: Context, request: Request) -> bool:
    """Return whether who asks may know what the person chose: the one who may read the Consents of it.

    Anyone else is answered alike whatever was chosen before.
    """
    return _reads_mirrors(context, request, (CHOICE,))


def _reads_mirrors(context: Context, request: Request, labels: tuple[str, ...]) -> bool:
    policy, owner = governing(context), request.view.owner
    mirror = Facts(CONSENT, "", owner, policy.visibility(0, 0, labels), Access(labels=labels))
    return matches(request.view.reads(CONSENT), mirror)


def as_told(context: Context, request: Request, choices: PersonChoices) -> PersonChoices:
    """Return the choices as who asks may know them: representatives without the secret ones.

    Who reads no choices at all is told none, and declares beside all that there are.
    """
    if without_secrets(choices) == choices:
        return choices
    labels = (CHOICE, WITHHELD_FROM_REPRESENTATIVES)
    sees_secrets = _reads_mirrors(context, request, labels)
    return choices if sees_secrets or not sees_choices(context, request) else without_secrets(choices)


def _check_version(context: Context, request: Request, before: PersonChoices) -> None:
    wanted = request.conditions.if_match
    if wanted is None or not sees_choices(context, request):
        return
    named = version_ids(wanted, "If-Match")
    if ANY not in named and str(before.version) not in named:
        raise stale()


def _same(before: PersonChoices, after: PersonChoices) -> bool:
    """Return whether nothing is chosen anew; that something ended by itself is no choice."""
    at = after.at

    def lasts(period: Period) -> bool:
        return at is None or period.until is None or at < period.until

    lasting = replace(
        before,
        at=at,
        authorisations=tuple(one for one in before.authorisations if lasts(one.period)),
        roles=tuple(one for one in before.roles if lasts(one.period)),
        services=tuple(one for one in before.services if lasts(one.period)),
    )
    return lasting == after


def _commit(
    context: Context,
    request: Request,
    before: PersonChoices,
    after: PersonChoices,
    change: Change,
    *,
    differs: bool,
) -> PersonChoices:
    """Write a change and return the choices as they are then.  Raises VersionConflict."""
    mirror = Mirror(governing(context), context.canonical_base)
    written = mirrored(context, request, mirror, before, after)
    documents = [*written.creates, *(one.document for one in written.replaces)]
    entities = (*change.shown, *(_entity(document) for document in documents))
    work = UnitOfWork(
        view=acting(request.view),
        creates=written.creates,
        replaces=written.replaces,
        rewrites=change.rewrites,
        relabels=change.relabels,
        flows=change.flows,
        choices=changed(before, written.choices) if differs else None,
        audit=audit_entries(context, request, 200, [(before.owner, entities)]),
        idempotency_key=replays.key_of(request, ()),
        notices=_notices(context, request, change, entities, differs=differs),
    )
    context.records.commit(work)
    return replace(written.choices, version=before.version + 1) if differs else before


def _notices(
    context: Context, request: Request, change: Change, entities: tuple[str, ...], *, differs: bool
) -> tuple[Notice, ...]:
    """Return who is told: of a choice the person; of a label alone whoever may see what has it."""
    released = notices.of_changes(context, request, [("deposit", change.releases)])
    if change.rewrites and not differs:
        labelled = [one.document for one in change.rewrites if one.document not in change.releases]
        return (*notices.of_changes(context, request, [(KIND, labelled)]), *released)
    recipients = notices.recipients(context, KIND)
    if not recipients:
        return released
    chosen = Notice(
        context.ids.new(request.now), request.now, KIND, owner_of(request), entities,
        recipients=recipients, actor=request.actor.ref, labels=notices.secret(request),
    )  # fmt: skip
    return (chosen, *released)


def _answer(context: Context, request: Request, choices: PersonChoices, text: str) -> Reply:
    seen, choices = sees_choices(context, request), as_told(context, request, choices)
    issue = Issue("done", text if seen else DECLARED, severity="information")
    outcome = operation_outcome([issue], context.canonical_base)
    parameters: list[dict[str, Any]] = [{"name": "return", "resource": outcome}]
    if seen:
        parameters.append({"name": "version", "valueUnsignedInt": choices.version})
        sentences = in_force(choices, governing(context), request.now, context.zone)
        parameters += [
            {
                "name": "in-force",
                "part": [
                    {"name": "kind", "valueCode": one.kind},
                    {"name": "en", "valueString": one.en},
                    {"name": "fr", "valueString": one.fr},
                ],
            }
            for one in sentences
        ]
    body = exact_json.encode({"resourceType": PARAMETERS, "parameter": parameters})
    return Reply(200, body, version=choices.version if seen else None)


def _shown(owner: str, entities: tuple[str, ...]) -> tuple[Shown, ...]:
    return tuple(Shown(owner, name) for name in entities) or (Shown(owner, f"Patient/{owner}"),)


def _entity(document: Document) -> str:
    facts = document.facts
    return entity(facts.resource_type, facts.id, document.version)
