"""Puts a scenario's record into a world, as an earlier state of affairs: past access control, in few commits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from fhir_server.access.choices import (
    Authorisation,
    PersonChoices,
    Role,
    changed,
    no_choices,
    with_authorisation,
    with_block,
    with_hidden,
    with_hide_all,
    with_hide_future,
    with_role,
    with_switch,
)
from fhir_server.access.policy import MASKED, MASKED_BIT, Policy
from fhir_server.interactions.assemble import Identity, deletion, stamp, written
from fhir_server.interactions.relabelling import Draft, settle
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.actor import Actor
from fhir_server.model.audit import AuditEntry
from fhir_server.model.document import Document, Facts
from fhir_server.model.ids import seq_of
from fhir_server.model.unit_of_work import ChoicesChange, Relabel, Replace, UnitOfWork
from fhir_server.model.view import View
from tests.governed import DOCTOR, HOSPITAL, INS, OTHER_DOCTOR
from tests.worlds.cast import AT_DOOR, DEPOSITOR, MASK, UNLABELLED, WITNESS
from tests.worlds.items import Item, Place, build
from tests.worlds.scenarios import Scenario, Side
from tests.worlds.world import World

ALL = View.unrestricted("test")

Change = Callable[[Policy, PersonChoices, datetime], PersonChoices]

NOISE: Mapping[str, Change] = {
    "block": lambda policy, known, at: with_block(policy, known, OTHER_DOCTOR, at),
    "authorise": lambda policy, known, at: with_authorisation(
        policy, known, Authorisation(AT_DOOR, "care-team"), at
    ),
    "hide-future": lambda policy, known, at: with_hide_future(policy, known, True, at),
    "hide-all": lambda policy, known, at: with_hide_all(policy, known, True, at),
    "treating-doctor": lambda policy, known, at: with_role(policy, known, Role("administrator", AT_DOOR), at),
    "switch-masked": lambda policy, known, at: with_switch(policy, known, "masked", True, at),
    "switch-regulation": lambda policy, known, at: with_switch(policy, known, "regulation", True, at),
}


@dataclass(frozen=True)
class Ids:
    """The ids of one playing of a scenario: what is played twice is about other persons."""

    prefix: str

    @property
    def person(self) -> str:
        """The person whom the requests are about."""
        return f"{self.prefix}p"

    @property
    def other(self) -> str:
        """Somebody else."""
        return f"{self.prefix}q"

    def address(self, item: Item) -> str:
        """Return `Type/id`."""
        return f"{item.resource_type}/{self.person}-{item.name}"


def plant(world: World, scenario: Scenario, side: Side, ids: Ids, start: datetime) -> None:
    """Store what one world holds."""
    _Planter(world, scenario, side, ids, start).plant()


@dataclass(frozen=True)
class _Planter:
    world: World
    scenario: Scenario
    side: Side
    ids: Ids
    start: datetime

    def plant(self) -> None:
        """Store persons and choices, then items in their first version, then what became of them."""
        items = (*self.scenario.visible, *self.side.items)
        facts = self._first(items)
        again = [item for item in items if item.versions > 1]
        if again:
            facts |= self._again(again, facts)
        for item in items:
            if item.mark == UNLABELLED:
                self._unlabel(facts[item.name])
        gone = [item for item in items if item.deleted]
        if gone:
            self._commit(UnitOfWork(ALL, deletes=tuple(self._deleted(item) for item in gone)))

    def _first(self, items: Sequence[Item]) -> dict[str, Facts]:
        drafts = [self._draft(item, 1) for item in items]
        settled = self._settled(drafts)
        facts = {
            item.name: self._authored(item, known) for item, known in zip(items, settled[0], strict=True)
        }
        documents = [
            self._document(item, draft, facts[item.name], 1)
            for item, draft in zip(items, drafts, strict=True)
        ]
        self._commit(
            UnitOfWork(
                ALL,
                creates=(*self._persons(), *documents),
                choices=self._choices(self.ids.person),
                audit=tuple(self._looks()),
            )
        )
        if self.side.other_person:
            self._commit(UnitOfWork(ALL, choices=self._choices(self.ids.other)))
        return facts

    def _again(self, items: Sequence[Item], facts: Mapping[str, Facts]) -> dict[str, Facts]:
        drafts = [self._draft(item, 2, facts[item.name]) for item in items]
        settled, relabels = self._settled(drafts)
        replaces = tuple(
            Replace(self._document(item, draft, known, 2), 1, facts[item.name])
            for item, draft, known in zip(items, drafts, settled, strict=True)
        )
        self._commit(UnitOfWork(ALL, replaces=replaces, relabels=relabels))
        return {item.name: known for item, known in zip(items, settled, strict=True)}

    def _draft(self, item: Item, version: int, before: Facts | None = None) -> Draft:
        resource = exact_json.decode(exact_json.encode(build(item, self._place(item), version)))
        stamped = stamp(resource, self._identity(item, version))
        return Draft(stamped, self.ids.person, before, named=True)

    def _settled(self, drafts: Sequence[Draft]) -> tuple[tuple[Facts, ...], tuple[Relabel, ...]]:
        actor = Actor("planter", DEPOSITOR[0], structure=DEPOSITOR[1])
        request = Request("create", ALL, self.start, "planted", actor=actor)
        settled = settle(self.world.governed.context, request, drafts)
        return settled.facts, settled.relabels

    def _authored(self, item: Item, facts: Facts) -> Facts:
        if not item.own:
            return facts
        return replace(facts, access=replace(facts.access, authors=self.scenario.part.authors))

    def _place(self, item: Item) -> Place:
        """Return what an item can refer to: what is visible says the same in both worlds."""
        both = (self.scenario.two.items, self.scenario.one.items)
        sides = (*(both if item in self.scenario.visible else (self.side.items,)), self.scenario.visible)
        addresses = {item.name: self.ids.address(item) for items in sides for item in items}
        for name in ("0s", "1s"):
            addresses.setdefault(name, f"Observation/{self.ids.person}-{name}")
        return Place(self.ids.person, self.world.governed.context.canonical_base, addresses)

    def _identity(self, item: Item, version: int) -> Identity:
        resource_type, _, id = self.ids.address(item).partition("/")
        return Identity(resource_type, id, version, self._at(item, version))

    def _at(self, item: Item, version: int) -> datetime:
        return self.start + timedelta(seconds=10 * item.tick + 5 * version - 200)

    def _document(self, item: Item, draft: Draft, facts: Facts, version: int) -> Document:
        at, identity = self._at(item, version), self._identity(item, version)
        return written(self.world.governed.context, draft.resource, identity, facts, at)

    def _deleted(self, item: Item) -> Replace:
        identity = self._identity(item, item.versions + 1)
        records = self.world.governed.context.records
        current = records.read(identity.resource_type, identity.id, ALL, facts=True)
        assert current is not None
        assert current.facts is not None
        document = deletion(identity, current.facts, identity.updated)
        return Replace(document, current.version, current.facts)

    def _unlabel(self, facts: Facts) -> None:
        """Take the label from what was deposited in the instant in which its source was hidden."""
        labels = tuple(label for label in facts.access.labels if label != MASKED)
        relabel = Relabel(
            facts.resource_type, facts.id, self.ids.person, labels, facts.visibility & ~MASKED_BIT, facts.access.source
        )  # fmt: skip
        self._commit(UnitOfWork(ALL, relabels=(relabel,)))

    def _persons(self) -> Iterable[Document]:
        yield self._patient(self.ids.person)
        if self.side.other_person:
            yield self._patient(self.ids.other)
            subject = {"reference": f"Patient/{self.ids.other}"}
            code = {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]}
            resource = {"resourceType": "Observation", "status": "final", "code": code, "subject": subject}
            yield self._bare(resource, f"{self.ids.other}-0", self.ids.other)

    def _patient(self, id: str) -> Document:
        system = INS
        resource = {
            "resourceType": "Patient", "identifier": [{"system": system, "value": id}],
            "name": [{"family": "Martin"}], "birthDate": "2015-05-05",
        }  # fmt: skip
        return self._bare(resource, id, id)

    def _bare(self, resource: dict[str, Any], id: str, owner: str) -> Document:
        context, at = self.world.governed.context, self.start - timedelta(seconds=300)
        identity = Identity(resource["resourceType"], id, 1, at)
        stamped = stamp(exact_json.decode(exact_json.encode(resource)), identity)
        facts = context.labelling.facts(stamped, identity.resource_type, id, owner, now=at)
        document = written(context, stamped, identity, facts, at)
        return replace(document, seq=seq_of(at, id))

    def _choices(self, owner: str) -> ChoicesChange | None:
        policy, at = self.world.governed.policy, self.start - timedelta(seconds=250)
        known = before = no_choices(owner)
        if owner == self.ids.other:
            for party in (DOCTOR, HOSPITAL):
                known = with_block(policy, known, party, at)
            return changed(before, known)
        for choose in self.scenario.part.choose:
            known = choose(policy, known, at)
        if self.scenario.part.name != "treating-doctor":
            known = with_role(policy, known, Role("treating-doctor", WITNESS), at)
        for name in self.side.noise:
            known = NOISE[name](policy, known, at)
        sources = {name for item in self.side.items if item.mark == UNLABELLED for name in item.sources}
        for item in self.side.items:
            if item.name in sources or (item.mark == MASK and item.variant % 2):
                known = with_hidden(policy, known, self.ids.address(item), at)
        return changed(before, known)

    def _looks(self) -> Iterable[AuditEntry]:
        """Yield lines of the access log: somebody else looked at everything, and at what is hidden alone."""
        visible = [f"{self.ids.address(item)}/_history/1" for item in self.scenario.visible]
        hidden = [f"{self.ids.address(item)}/_history/1" for item in self.side.items]
        if visible:
            yield self._look(0, (*hidden[:1], *visible, *hidden[1:]))
        for number in range(self.side.looks if hidden else 0):
            yield self._look(number + 1, (hidden[number % len(hidden)],))

    def _look(self, number: int, entities: tuple[str, ...]) -> AuditEntry:
        actor = Actor("professional", AT_DOOR, name="Dr Other", profession="doctor")
        at = self.start - timedelta(seconds=100 - number)
        return AuditEntry(
            f"{self.ids.person}-look-{number}", at, f"look-{number}", actor.ref, "TREAT", "search-type", 200,
            self.ids.person, entities, query="00", agent=actor, rule="authorised",
        )  # fmt: skip

    def _commit(self, work: UnitOfWork) -> None:
        self.world.governed.context.records.commit(work)
