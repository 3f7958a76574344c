"""A governed server as tests use it: tokens by role, persons and what they chose, straight into its store.

`Governed.as_("professional", identity=…)` returns a client whose requests carry a token of that actor.
Persons, choices and resources are planted past access control, as an earlier state of affairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fhir_server.access.choices import (
    Authorisation,
    PersonChoices,
    Role,
    changed,
    no_choices,
    read_choices,
    with_authorisation,
    with_block,
    with_role,
    with_switch,
    without_block,
)
from fhir_server.access.policy import Policy
from fhir_server.access.token_key import FILE_NAME, read_key
from fhir_server.access.tokens import USUAL, mint
from fhir_server.app import CONTEXT, STORE
from fhir_server.interactions.assemble import Identity, new_version, whole_milliseconds
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.actor import Actor
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View
from fhir_server.settings import Settings
from fhir_server.store.open import Store
from tests.http.calls import send

INS = "urn:oid:1.2.250.1.213.1.4.8"
RPPS = "urn:oid:1.2.250.1.71.4.2.1"
FINESS = "urn:oid:1.2.250.1.71.4.2.2"

DOCTOR = f"{RPPS}|899700000001"
OTHER_DOCTOR = f"{RPPS}|899700000002"
HOSPITAL = f"{FINESS}|750000001"
CLINIC = f"{FINESS}|750000002"


@dataclass(frozen=True)
class Speaker:
    """A client whose every request carries one token (None: none)."""

    client: FlaskClient
    token: str | None

    def send(
        self, method: str, path: str, resource: Any = None, headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """Return the response to a request below the base."""
        fields = dict(headers or {})
        if self.token is not None:
            fields.setdefault("Authorization", f"Bearer {self.token}")
        return send(self.client, method, path, resource, fields)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> TestResponse:
        """Return the response to a GET below the base."""
        return self.send("GET", path, headers=headers)

    def post(self, path: str, resource: Any, headers: Mapping[str, str] | None = None) -> TestResponse:
        """Return the response to a POST below the base."""
        return self.send("POST", path, resource, headers)

    def put(self, path: str, resource: Any, headers: Mapping[str, str] | None = None) -> TestResponse:
        """Return the response to a PUT below the base."""
        return self.send("PUT", path, resource, headers)


@dataclass
class Governed:
    """One governed server: its application, and the settings that it was made with."""

    app: Flask
    settings: Settings
    _view: View = field(default_factory=lambda: View.unrestricted("test"))

    @property
    def context(self) -> Context:
        context: Context = self.app.extensions[CONTEXT]
        return context

    @property
    def store(self) -> Store:
        store: Store = self.app.extensions[STORE]
        return store

    @property
    def policy(self) -> Policy:
        assert self.context.policy is not None
        return self.context.policy

    def token(self, role: str, identity: str = "", *, purpose: str = "TREAT", **more: Any) -> str:
        """Return a token; `more` are fields of the Actor, and `span` and `once`."""
        chosen = {name: more.pop(name) for name in ("span", "once") if name in more}
        key = read_key(self.settings.token_key_file or self.settings.data_dir / FILE_NAME)
        actor = Actor(role, identity or f"urn:test|{role}", **more)
        audience, clock, ids = self.settings.base_url, self.context.clock, self.context.ids
        options = {"span": USUAL, **chosen}
        return mint(key, actor, purpose, audience=audience, now=clock.now(), ids=ids, **options)

    def as_(self, role: str, identity: str = "", **more: Any) -> Speaker:
        """Return a client that speaks for an actor; arguments as of `token`."""
        return Speaker(self.app.test_client(), self.token(role, identity, **more))

    def person(self, id: str, **more: Any) -> Speaker:
        """Return a client that speaks for the person of a record."""
        return self.as_("person", id, **{"record": id, **more})

    def doctor(self, identity: str = DOCTOR, structure: str | None = HOSPITAL, **more: Any) -> Speaker:
        """Return a client that speaks for a physician who works for a structure."""
        known = {"profession": "doctor", "name": "Dr Test", "structure": structure, **more}
        return self.as_("professional", identity, **known)

    def nobody(self) -> Speaker:
        """Return a client without a token."""
        return Speaker(self.app.test_client(), None)

    def plant(self, *resources: dict[str, Any], authors: tuple[str, ...] = ()) -> None:
        """Store resources, each with its `id`, as deposited by `authors` (actor, structure) before."""
        for resource in resources:
            self._plant(resource, authors)

    def enrol(self, id: str, *identifiers: str, **more: Any) -> None:
        """Store the Patient of a person, with identifiers `system|value`."""
        written = [dict(zip(("system", "value"), text.split("|", 1))) for text in identifiers]
        patient = {"resourceType": "Patient", "id": id, "name": [{"family": "Martin"}], **more}
        self.plant({**patient, **({"identifier": written} if written else {})})

    def choices(self, owner: str) -> PersonChoices:
        """Return what a person chose."""
        found = self.store.choices.of(owner)
        return no_choices(owner) if found is None else read_choices(found)

    def choose(self, owner: str, *changes: Callable[[PersonChoices], PersonChoices]) -> None:
        """Commit changes of a person's choices, one after the other, past the operations for it."""
        before = self.choices(owner)
        after = before
        for change in changes:
            after = change(after)
        work = UnitOfWork(view=self._view, choices=changed(before, after))
        self.store.records.commit(work)

    def authorise(self, owner: str, party: str = DOCTOR, relation: str = "care-team") -> None:
        """Let a party consult a record, as the person chose before."""
        chosen = Authorisation(party, relation)
        self.choose(owner, lambda known: with_authorisation(self.policy, known, chosen, self._now()))

    def block(self, owner: str, party: str = DOCTOR) -> None:
        """Keep a party out of a record, as the person chose before."""
        self.choose(owner, lambda known: with_block(self.policy, known, party, self._now()))

    def unblock(self, owner: str, party: str = DOCTOR) -> None:
        """Let a party in again, as the person chose before."""
        self.choose(owner, lambda known: without_block(self.policy, known, party, self._now()))

    def treat(self, owner: str, party: str = DOCTOR, role: str = "treating-doctor") -> None:
        """Give a party a role in a record, as the person chose before."""
        self.choose(owner, lambda known: with_role(self.policy, known, Role(role, party), self._now()))

    def switch(self, owner: str, name: str, on: bool) -> None:
        """Turn a switch of a person, as they chose before."""
        self.choose(owner, lambda known: with_switch(self.policy, known, name, on, self._now()))

    def journal(self, owner: str | None) -> list[dict[str, Any]]:
        """Return the stored entries of the access log about a person, or about nobody, oldest first."""
        wanted = {"owner": owner}
        return list(self.store.catalogue.service("audit").find(wanted).sort([("at", 1), ("_id", 1)]))

    def label(self, name: str) -> dict[str, str]:
        """Return the coding of a neutral label (`masked`) in this policy."""
        system, _, code = self.policy.labels[name].codings[0].rpartition("|")
        return {"system": system, "code": code}

    def _now(self) -> datetime:
        return self.context.clock.now()

    def _plant(self, resource: dict[str, Any], authors: tuple[str, ...]) -> None:
        context = self.context
        now = context.clock.now()
        actor = Actor("planter", authors[0] if authors else "", structure=authors[1] if authors[1:] else None)
        request = Request("create", self._view, now, "planted", resource["resourceType"], actor=actor)
        identity = Identity(resource["resourceType"], resource["id"], 1, whole_milliseconds(now))
        exact = exact_json.decode(exact_json.encode(resource))
        version = new_version(context, request, exact, identity)
        work = UnitOfWork(view=self._view, creates=(version.document,), relabels=version.relabels)
        self.store.records.commit(work)


__all__ = ["CLINIC", "DOCTOR", "FINESS", "HOSPITAL", "INS", "OTHER_DOCTOR", "RPPS", "Governed", "Speaker"]
