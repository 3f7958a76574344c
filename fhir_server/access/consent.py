"""The Consents that mirror a person's choices: what was chosen, as FHIR says it.

They follow the profile of patient privacy consents: a scope, one policy, one root provision and at most one
level below it.  A mirror is read by the person; decisions are made from the choices themselves.
Spec: https://hl7.org/fhir/R4/consent.html, https://profiles.ihe.net/ITI/PCF/index.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fhir_server.access.choices import Authorisation, CrossBorder, Period, PersonChoices, Role, Service
from fhir_server.access.person_choices import without_secrets
from fhir_server.access.policy import WITHHELD_FROM_REPRESENTATIVES, Policy
from fhir_server.model import own
from fhir_server.model.temporal import format_instant

Tree = dict[str, Any]

BLOCK: Final = "block"
AUTHORISATION: Final = "authorisation"
EMERGENCY: Final = "emergency-switch"
HIDDEN: Final = "hidden"
SECRETLY: Final = "\nsecret"
"""Ends what a secret choice is about: beside it there can be the same in the open."""
HIDE_ALL: Final = "hide-all"
HIDE_FUTURE: Final = "hide-future"
ROLE: Final = "role"
CROSS_BORDER: Final = "cross-border"
SERVICE: Final = "service"

KINDS: Final = (
    BLOCK, AUTHORISATION, EMERGENCY, HIDDEN, HIDE_ALL, HIDE_FUTURE, ROLE, CROSS_BORDER, SERVICE,
)  # fmt: skip
"""The kinds of choice: codes of the code system `choice`, and the beginnings of the keys of `mirrors`."""

ACTIVE: Final = "active"
INACTIVE: Final = "inactive"

CONSENT_SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
COUNTRIES: Final = "urn:iso:std:iso:3166"
RECIPIENT: Final = {"coding": [{"system": PARTICIPATION, "code": "IRCP"}]}
"""The role of an actor of a provision: who gets to know something."""


class Mirror:
    """Writes choices as Consents under one policy, with codes and addresses below one canonical base."""

    def __init__(self, policy: Policy, base: str) -> None:
        self._base = base
        self._policy = own.policy_url(base, policy.id)
        secret = policy.labels.get(WITHHELD_FROM_REPRESENTATIVES)
        self._secret = [_coding(text) for text in secret.codings[:1]] if secret is not None else []
        self._purposes = {mode.name: code for code, mode in policy.purposes.items()}

    def mirrors(self, choices: PersonChoices) -> Mapping[str, Tree]:
        """Return, by a key that stays while a choice lasts, the Consents of all choices that are made.

        They are without id, meta and dateTime: `consent` adds what is missing.  A key is the kind of the
        choice, a colon, and a digest of what it is about, so that it names nobody.
        """
        told = without_secrets(choices)
        found = {
            _key(kind, about): self._body(choices.owner, kind, provision)
            for kind, about, provision in self._provisions(told)
        }
        # Where the policy has no label for it, nothing would withhold the Consent from representatives.
        for kind, about, provision in self._secrets(choices) if self._secret else ():
            body = self._body(choices.owner, kind, provision)
            found[_key(kind, f"{about}{SECRETLY}")] = {**body, "meta": {"security": self._secret}}
        return found

    def consent(self, body: Tree, status: str, at: datetime) -> Tree:
        """Return a body of `mirrors` as a whole Consent: `at` is when the person chose so."""
        return {**body, "status": status, "dateTime": format_instant(at)}

    def _body(self, owner: str, kind: str, provision: Tree) -> Tree:
        system = own.code_system(self._base, own.CHOICE)
        return {
            "resourceType": "Consent",
            "status": ACTIVE,
            "scope": {"coding": [{"system": CONSENT_SCOPE, "code": "patient-privacy"}]},
            "category": [{"coding": [{"system": system, "code": kind}]}],
            "patient": {"reference": f"Patient/{owner}"},
            "policy": [{"uri": self._policy}],
            "provision": provision,
        }

    def _provisions(self, choices: PersonChoices) -> Iterator[tuple[str, str, Tree]]:
        """Yield kind, what the choice is about, and the provision."""
        for block in choices.blocked:
            yield BLOCK, block.party, _deny(period=Period(block.since), parties=[block.party])
        for one in choices.authorisations:
            yield AUTHORISATION, _meaning(one), _permit(period=one.period, parties=[one.party])
        for name, on in choices.switches.items():
            purpose = [self._purpose(name)]
            yield EMERGENCY, name, _permit(purpose=purpose) if on else _deny(purpose=purpose)
        if choices.hidden:
            yield HIDDEN, "", {**_deny(), "data": [_datum(item) for item in sorted(choices.hidden)]}
        if choices.hide_all:
            yield HIDE_ALL, "", _deny()
        if choices.hide_future is not None:
            yield HIDE_FUTURE, "", {**_deny(), "dataPeriod": _period(Period(choices.hide_future))}
        for role in choices.roles:
            yield ROLE, f"{role.role}|{role.party}", self._of_role(role)
        if choices.cross_border is not None:
            yield CROSS_BORDER, "", self._of_cross_border(choices.cross_border)
        for service in choices.services:
            yield SERVICE, service.client, self._of_service(service)

    def _secrets(self, choices: PersonChoices) -> Iterator[tuple[str, str, Tree]]:
        """Yield the same of what representatives are not told."""
        for one in choices.authorisations:
            if one.secret:
                yield AUTHORISATION, _meaning(one), _permit(period=one.period, parties=[one.party])
        if choices.hidden_secretly:
            yield HIDDEN, "", {**_deny(), "data": [_datum(item) for item in sorted(choices.hidden_secretly)]}

    def _purpose(self, switch: str) -> Tree:
        code = self._purposes.get(switch)
        if code is not None:
            return {"system": ACT_REASON, "code": code}
        return {"system": own.code_system(self._base, own.SWITCH), "code": switch.upper()}

    def _of_role(self, role: Role) -> Tree:
        coding = {"system": own.code_system(self._base, own.ROLE), "code": role.role}
        actor = {"role": {"coding": [coding]}, "reference": {"identifier": _identifier(role.party)}}
        return {**_permit(period=role.period), "actor": [actor], **self._categories(role.categories)}

    def _of_service(self, service: Service) -> Tree:
        actor = {"role": RECIPIENT, "reference": {"identifier": {"value": service.client}}}
        return {**_permit(period=service.period), "actor": [actor], **self._categories(service.categories)}

    def _of_cross_border(self, chosen: CrossBorder) -> Tree:
        coding = {"system": own.code_system(self._base, own.EXCHANGE), "code": CROSS_BORDER}
        if not chosen.allowed:
            return _deny(purpose=[coding])
        if not chosen.countries:
            return {**_permit(purpose=[coding]), **self._categories(chosen.categories)}
        actors = [
            {"role": RECIPIENT, "reference": {"identifier": {"system": COUNTRIES, "value": country}}}
            for country in chosen.countries
        ]
        # Refused to all, but for those named: the one level of exceptions that there is.
        named = {**_permit(), "actor": actors, **self._categories(chosen.categories)}
        return {**_deny(purpose=[coding]), "provision": [named]}

    def _categories(self, names: Sequence[str]) -> Tree:
        system = own.code_system(self._base, own.CATEGORY)
        return {"securityLabel": [{"system": system, "code": name} for name in names]} if names else {}


def _permit(**parts: Any) -> Tree:
    return _provision("permit", **parts)


def _deny(**parts: Any) -> Tree:
    return _provision("deny", **parts)


def _provision(
    kind: str, *, period: Period | None = None, parties: Sequence[str] = (), purpose: Sequence[Tree] = ()
) -> Tree:
    provision: Tree = {"type": kind}
    if period is not None and period != Period():
        provision["period"] = _period(period)
    if parties:
        provision["actor"] = [
            {"role": RECIPIENT, "reference": {"identifier": _identifier(party)}} for party in parties
        ]
    if purpose:
        provision["purpose"] = list(purpose)
    return provision


def _period(period: Period) -> Tree:
    bounds = {"start": period.from_, "end": period.until}
    return {name: format_instant(at) for name, at in bounds.items() if at is not None}


def _datum(item: str) -> Tree:
    return {"meaning": "instance", "reference": {"reference": item}}


def _identifier(party: str) -> Tree:
    system, _, value = party.rpartition("|")
    return {"system": system, "value": value}


def _coding(text: str) -> Tree:
    system, _, code = text.rpartition("|")
    return {"system": system, "code": code}


def _meaning(one: Authorisation) -> str:
    return "\n".join((one.party, one.relation, one.session))


def _key(kind: str, about: str) -> str:
    return f"{kind}:{hashlib.sha256(about.encode()).hexdigest()[:32]}" if about else kind
