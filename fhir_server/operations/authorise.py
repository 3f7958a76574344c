"""`$authorise`: let a professional or an establishment consult the record, until a date.

A professional declares with it what the person consented to in words, for itself or for a colleague: with a
reason, and told to the person.  Whether the person has blocked the party does not show.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fhir_server.access.choices import Authorisation, Period, PersonChoices, with_authorisation
from fhir_server.access.choosers import declared
from fhir_server.access.policy import Policy
from fhir_server.interactions.choice_calls import (
    END,
    PARTY,
    Given,
    check_person,
    definition,
    end_of,
    names_party,
    party_of,
    row,
    text_of,
)
from fhir_server.interactions.choosing import Change, choose, governing, sees_choices
from fhir_server.interactions.context import Context
from fhir_server.interactions.operation_input import read_input
from fhir_server.interactions.request import Reply, Request
from fhir_server.model.outcome import refuse
from profiles.definitions import OperationParameter

DEFINITION: Final = definition(
    "authorise",
    *PARTY,
    OperationParameter("relation", "in", 1, 1, "code"),
    END,
    OperationParameter("reason", "in", 0, 1, "string"),
)


def authorise(context: Context, request: Request) -> Reply:
    """Let the party consult the record and return what is in force then.

    Raises FhirError `illegal-choice`, `unresolved-reference`, `reason-needed`, `refused` where the policy
    does not let the actor declare it, and those of the call.
    """
    check_person(request)
    given = read_input(context, request, DEFINITION.url)
    declares = not sees_choices(context, request)
    if declares:
        request = _with_reason(request, given)
    wanted = _wanted(context, request, given, declares)
    policy = governing(context)

    def authorised(before: PersonChoices) -> Change:
        given = declared(policy, wanted, request.actor, before, request.now) if declares else wanted
        if declares and any(block.party == wanted.party for block in before.blocked):
            # The block wins, and who declares is not to learn of it.
            _check(policy, before, given, request)
            return Change(before)
        return Change(with_authorisation(policy, before, _lasting(before, given), request.now))

    return choose(context, request, authorised)


def _with_reason(request: Request, given: Given) -> Request:
    reason = (text_of(given, "reason") or request.actor.reason or "").strip()
    if not reason:
        raise refuse("reason-needed", "Who declares a consent of the person says how it was given: `reason`.")
    return replace(request, actor=replace(request.actor, reason=reason))


def _wanted(context: Context, request: Request, given: Given, declares: bool) -> Authorisation:
    relation = text_of(given, "relation") or ""
    actor = request.actor
    itself = declares and not names_party(given)
    party = actor.identity if itself else party_of(context, request, given)
    known = governing(context).relations.get(relation)
    one_session = known is not None and known.one_session and party == actor.identity
    return Authorisation(
        party, relation, Period(None, end_of(context, given)),
        session=actor.session if one_session else "", declared_by=actor.identity if declares else "",
        secret=actor.secret,
    )  # fmt: skip


def _lasting(before: PersonChoices, wanted: Authorisation) -> Authorisation:
    """Return the authorisation with the beginning of the same one that is already there."""
    meant = (wanted.party, wanted.relation, wanted.session, wanted.secret)
    for one in before.authorisations:
        if (one.party, one.relation, one.session, one.secret) == meant:
            until = wanted.period.until
            kept = one.declared_by if one.declared_by and wanted.declared_by else wanted.declared_by
            period = Period(one.period.from_, one.period.until if until is None else until)
            return replace(wanted, period=period, declared_by=kept)
    return wanted


def _check(policy: Policy, before: PersonChoices, wanted: Authorisation, request: Request) -> None:
    """Refuse what would be refused without the block."""
    others = tuple(block for block in before.blocked if block.party != wanted.party)
    with_authorisation(policy, replace(before, blocked=others), wanted, request.now)


INTERACTIONS = (row(DEFINITION, authorise),)
