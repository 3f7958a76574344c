"""The gate of a governed server: who is named, what that person chose, what the policy makes of it.

One round trip at most for the decision, whatever it is: a person who is unknown, and one whose record is
refused, cost the same and are answered the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn

from fhir_server.access.decide import REFUSED, decide, explain
from fhir_server.access.policy import Policy
from fhir_server.access.ports import Choices, Held
from fhir_server.access.views import Views, choices_of
from fhir_server.interactions.binding import PATIENT, Binder
from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.gate import Refused
from fhir_server.interactions.incoming import check_type
from fhir_server.interactions.names import (
    AnyNames,
    Directory,
    Names,
    NamesIdentifier,
    NamesResource,
    NewPerson,
    Nothing,
    Several,
)
from fhir_server.interactions.ports import Records
from fhir_server.interactions.request import Attempt, Pairs, Request
from fhir_server.interactions.transaction.naming import TRANSACTION, asked_of, naming
from fhir_server.model.altering import replace
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.predicate import Nothing as NothingAtAll
from fhir_server.model.view import View
from fhir_server.validation.structure import StructureValidator

NAME_ONE: Final = (
    "Name one person, in the address (Patient/[id]) or with a parameter (patient=[id]): "
    "this request is about several, or about nobody in particular."
)
CONSULTS: Final = frozenset({"read", "vread", "history-instance", "history-type", "search-type"})
WRITES: Final = frozenset({"create", "update", "patch", "delete"})
NOBODY_ID: Final = "-"
"""A logical id that nothing has: looked up where no person was found, so that it costs the same."""


class GovernedGate:
    """Implements `interactions.gate.Gate`.  Immutable; shared by all threads of a worker."""

    def __init__(
        self,
        policy: Policy,
        choices: Choices,
        binder: Binder,
        validator: StructureValidator,
        records: Records,
    ) -> None:
        self._records = records
        self._policy = policy
        self._views = Views(policy)
        self._choices = choices
        self._binder = binder
        self._validator = validator

    def admit(self, interaction: Interaction, request: Request) -> Request:
        """Return the request with its View; raises as the port says."""
        named = self._named(interaction, request)
        match named:
            case Nothing():
                return _through(request, _blind(request))
            case Names(owner, identifiers):
                return self._bound(interaction, request, self._person(request, owner, identifiers))
            case NamesIdentifier():
                return self._bound(interaction, request, self._identified(request, named))
            case NamesResource(resource_type, id):
                return self._resource(interaction, request, resource_type, id)
            case Directory():
                return self._bound(interaction, request, self._anonymous(request))
            case NewPerson():
                return _through(request, self._enrolling(request))
        return self._nobody(interaction, request, named)

    def bind(self, request: Request) -> Request:
        """Return an entry of a transaction that was admitted as a whole; see the port."""
        owner = request.view.owner
        if owner is None or not request.query:
            return request
        return replace(request, query=self._binder.bound(request.resource_type, request.query, owner))

    def _named(self, interaction: Interaction, request: Request) -> AnyNames:
        if interaction.name == TRANSACTION and isinstance(request.body, Mapping):
            return naming(self._binder, request.body)
        return self._binder.of(interaction, request)

    def _person(self, request: Request, owner: str, identifiers: tuple[str, ...] = ()) -> View:
        """Return the View on the record of a person.  Raises Refused."""
        if not self._are_of(owner, identifiers):
            owner = NOBODY_ID
        held = self._choices.of_resource(PATIENT, owner)
        if held is None and request.resource_type == PATIENT and request.interaction == "update":
            return self._enrolling(request)
        return self._decided(request, owner, held)

    def _are_of(self, owner: str, identifiers: tuple[str, ...]) -> bool:
        """Return whether each of these identifiers is that person's alone; it costs the same if not."""
        found = [tuple(self._choices.person_of((one,))) for one in identifiers]
        return all(one == (owner,) for one in found)

    def _identified(self, request: Request, named: NamesIdentifier) -> View:
        found, creates = self._choices.person_of((named.identifier,)), named.creates
        owner = found[0] if len(found) == 1 else NOBODY_ID
        owner = owner if self._are_of(owner, named.also) else NOBODY_ID
        held = self._choices.of_resource(PATIENT, owner)
        if creates and not found:
            return self._enrolling(request)
        return self._decided(request, owner, held)

    def _resource(self, interaction: Interaction, request: Request, resource_type: str, id: str) -> Request:
        """Return the request with the View on the record that holds a resource, or with that of nothing."""
        held = self._choices.of_resource(resource_type, id)
        owner = held.owner if held is not None else None
        try:
            if owner is None:
                view = self._anonymous(request)
            else:
                view = self._decided(request, owner, held)
            self._check(interaction, request, view)
            if owner is not None and request.id != id:
                self._check_seen(resource_type, id, view)
        except FhirError as error:
            if error.issues[0].situation != "refused":
                raise
            attempt = error.attempt if isinstance(error, Refused) else Attempt(owner)
            return _through(request, _blind(request), replace(attempt, by_address=True))
        return replace(request, view=view, attempt=None, by_address=True)

    def _check_seen(self, resource_type: str, id: str, view: View) -> None:
        """Raise Refused where what a body refers to is not seen: it does not say whose record it is about."""
        if self._records.read(resource_type, id, view) is None:
            _refuse(view.owner, view.rule)

    def _decided(self, request: Request, owner: str, held: Held | None) -> View:
        """Return the View that the policy gives on a person's record.  Raises Refused."""
        known = held is not None and request.actor.record in (None, owner)
        chosen = held.choices if held is not None else None
        person = owner if held is not None else None
        actor, purpose, now = request.actor, request.purpose, request.now
        try:
            view = self._views.view(actor, purpose, owner, chosen, now)
        except FhirError as error:
            asked = (self._policy, actor, purpose, owner, choices_of(owner, chosen), now)
            rule = explain(*asked).rule if error.issues[0].situation == "refused" else ""
            raise Refused(error, Attempt(person, rule)) from None
        if not known:
            _refuse(person, view.rule)
        return view

    def _anonymous(self, request: Request) -> View:
        """Return the View of a request that names no person.  Raises Refused."""
        try:
            return decide(self._policy, request.actor, request.purpose, None, None, request.now)
        except FhirError as error:
            raise Refused(error, Attempt(None)) from None

    def _enrolling(self, request: Request) -> View:
        """Return the View in which a person is made known.  Raises Refused."""
        view = self._anonymous(request)
        if isinstance(view.writes(PATIENT), NothingAtAll):
            _refuse(None, view.rule)
        return view

    def _bound(self, interaction: Interaction, request: Request, view: View) -> Request:
        self._check(interaction, request, view)
        if view.owner is None or not request.query:
            return _through(request, view)
        return _through(
            request, view, query=self._binder.bound(request.resource_type, request.query, view.owner)
        )

    def _check(self, interaction: Interaction, request: Request, view: View) -> None:
        """Raise Refused where the View allows nothing of the kind, whatever the record holds."""
        name = interaction.name
        if name == TRANSACTION and isinstance(request.body, Mapping):
            allowed = all(
                self._allows(view, kind, type_name)
                for kind, type_name in asked_of(self._binder, request.body)
            )
        elif name == "search-system":
            allowed = any(self._allows(view, "search-type", one) for one in self._binder.searched(request))
        elif name.startswith("$"):
            allowed = view.operations is None or name in view.operations
        else:
            allowed = self._allows(view, name, request.resource_type)
        if not allowed:
            _refuse(view.owner, view.rule)

    def _allows(self, view: View, interaction: str, resource_type: str) -> bool:
        if interaction in CONSULTS:
            return not isinstance(view.reads(resource_type), NothingAtAll)
        if interaction == "delete" and resource_type in self._policy.undeletable:
            return False
        return interaction not in WRITES or not isinstance(view.writes(resource_type), NothingAtAll)

    def _nobody(self, interaction: Interaction, request: Request, named: AnyNames) -> Request:
        """Return the request of a role that the policy lets ask about everybody.

        Raises FhirError: what is wrong with the body, else `person-needed`.
        """
        if isinstance(request.body, Mapping) and interaction.takes == "resource" and request.resource_type:
            self._check_body(interaction, request)
        if not isinstance(named, Several) and request.resource_type:
            view = self._anonymous_or_none(request)
            if view is not None and not isinstance(view.reads(request.resource_type), NothingAtAll):
                return self._bound(interaction, request, view)
        raise refuse("person-needed", NAME_ONE)

    def _anonymous_or_none(self, request: Request) -> View | None:
        try:
            return self._anonymous(request)
        except Refused as error:
            if error.issues[0].situation != "refused":
                raise
            return None

    def _check_body(self, interaction: Interaction, request: Request) -> None:
        if interaction.name.startswith("$"):
            return
        check_type(request.body, request.resource_type)
        issues = self._validator.validate(request.body, request.resource_type)
        if any(issue.severity in ("fatal", "error") for issue in issues):
            raise FhirError(*issues)


def _through(
    request: Request, view: View, attempt: Attempt | None = None, query: Pairs | None = None
) -> Request:
    return replace(request, view=view, attempt=attempt, query=request.query if query is None else query)


def _blind(request: Request) -> View:
    return View.nothing(request.actor.ref, request.purpose)


def _refuse(owner: str | None, rule: str = "") -> NoReturn:
    raise Refused(refuse("refused", REFUSED), Attempt(owner, rule))
