"""The access log as it is read: what a View allows, what a plan asks, in order, along one index."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fhir_server.model import predicate as terms
from fhir_server.model.actor import Actor
from fhir_server.model.audit import AuditEntry
from fhir_server.model.journal import JournalPlan, Place
from fhir_server.model.predicate import Predicate
from fhir_server.model.view import View
from fhir_server.store.catalogue import AUDIT
from fhir_server.store.journal import entry_filter
from fhir_server.store.open import Store
from tests.store.conftest import NOON, OPEN

ACTORS = [
    Actor("professional", f"doctor-{n}", f"Dr {'AB'[n % 2]}", structure=f"house-{n % 2}") for n in range(3)
]
INTERACTIONS = ("read", "search-type", "create", "$hide")
SECRET = "withheld-from-representatives"


def view(predicate: Predicate, owner: str | None = "p0") -> View:
    return View(OPEN.actor, "TREAT", owner, {"AuditEvent": predicate}, {}, b"")


@pytest.fixture
def entries(store: Store) -> list[AuditEntry]:
    """200 entries of three persons, several at one instant, as the log holds them."""
    source = random.Random(5)
    made = []
    for _ in range(200):
        actor = source.choice(ACTORS)
        made.append(AuditEntry(
            f"e-{source.randrange(10**9):09d}", NOON + timedelta(milliseconds=source.randrange(60)), "r", actor.ref,
            "TREAT", source.choice(INTERACTIONS), source.choice((200, 304, 404, 503)), source.choice(("p0", "p1", None)),
            agent=actor, labels=source.choice(((), (), (SECRET,))),
        ))  # fmt: skip
    tickets = [store.audit.append(entry) for entry in made]
    store.audit.flush(tickets[-1])
    return made


def newest_first(found: list[AuditEntry]) -> list[str]:
    return [one.id for one in sorted(found, key=lambda one: (one.at, one.id), reverse=True)]


Holds = Callable[[AuditEntry], bool]


@pytest.mark.parametrize(("predicate", "holds"), [
    pytest.param(terms.Everything(), lambda one: True, id="everything"),
    pytest.param(terms.Nothing(), lambda one: False, id="nothing"),
    pytest.param(terms.OwnerIs("p0"), lambda one: one.owner == "p0", id="owner"),
    pytest.param(terms.OwnerIs(None), lambda one: one.owner is None, id="no-person"),
    pytest.param(
        terms.LabelsExclude(frozenset({SECRET})), lambda one: SECRET not in one.labels, id="labels"
    ),
    pytest.param(
        terms.AuthorIn(frozenset({"doctor-1"})), lambda one: one.actor.identity == "doctor-1", id="actor"
    ),
    pytest.param(terms.VisibilityIn(frozenset({0, 1})), lambda one: True, id="class-of-entries"),
    pytest.param(terms.VisibilityIn(frozenset({1})), lambda one: False, id="other-class"),
    pytest.param(terms.OpensBy(NOON + timedelta(days=1)), lambda one: False, id="never-opens"),
    pytest.param(
        terms.AnyOf((terms.LabelsExclude(frozenset({SECRET})), terms.OpensBy(NOON))),
        lambda one: SECRET not in one.labels, id="any",
    ),
    pytest.param(terms.AnyOf((terms.Everything(), terms.Nothing())), lambda one: True, id="any-of-everything"),
    pytest.param(
        terms.AllOf((terms.OwnerIs("p0"), terms.Not(terms.AuthorIn(frozenset({"doctor-1"}))))),
        lambda one: one.owner == "p0" and one.actor.identity != "doctor-1", id="all-and-not",
    ),
    pytest.param(terms.Not(terms.Everything()), lambda one: False, id="not-everything"),
    pytest.param(terms.SourcesExclude(frozenset({"X/1"})), lambda one: True, id="no-sources"),
])  # fmt: skip
def test_a_view_of_the_log_is_part_of_the_query(
    store: Store, entries: list[AuditEntry], predicate: Predicate, holds: Holds
) -> None:
    seen = view(predicate, None)
    found = store.journal.page(JournalPlan(count=500), seen)
    assert [one.id for one in found] == newest_first([one for one in entries if holds(one)])
    for entry in entries[:20]:
        read = store.journal.read(entry.id, seen)
        assert (read is not None) is holds(entry)
        assert read is None or replace(read, query=None) == entry


@pytest.mark.parametrize(("plan", "holds"), [
    pytest.param(JournalPlan(owners=("p1",)), lambda one: one.owner == "p1", id="owner"),
    pytest.param(JournalPlan(owners=("p1", "p0")), lambda one: one.owner is not None, id="owners"),
    pytest.param(
        JournalPlan(from_=NOON + timedelta(milliseconds=10), before=NOON + timedelta(milliseconds=30)),
        lambda one: 10_000 <= (one.at - NOON).microseconds < 30_000, id="period",
    ),
    pytest.param(
        JournalPlan(interactions=frozenset({"read"})), lambda one: one.interaction == "read", id="interaction"
    ),
    pytest.param(JournalPlan(interactions=frozenset()), lambda one: False, id="no-interaction"),
    pytest.param(
        JournalPlan(not_interactions=frozenset({"read", "create"})),
        lambda one: one.interaction in ("search-type", "$hide"), id="other-interactions",
    ),
    pytest.param(JournalPlan(statuses=((100, 400),)), lambda one: one.status < 400, id="status"),
    pytest.param(
        JournalPlan(statuses=((100, 400), (500, 600))), lambda one: one.status != 404, id="statuses"
    ),
    pytest.param(
        JournalPlan(agents=("house-1",)),
        lambda one: one.agent is not None and one.agent.structure == "house-1", id="structure",
    ),
    pytest.param(
        JournalPlan(agent_names=("dr b",)),
        lambda one: one.agent is not None and one.agent.name == "Dr B", id="name",
    ),
    pytest.param(JournalPlan(agent_names=(".*",)), lambda one: False, id="name-is-no-pattern"),
])  # fmt: skip
def test_a_plan_finds_what_it_says(
    store: Store, entries: list[AuditEntry], plan: JournalPlan, holds: Holds
) -> None:
    found = store.journal.page(replace(plan, count=500), OPEN)
    assert [one.id for one in found] == newest_first([one for one in entries if holds(one)])


@pytest.mark.parametrize("descending", [pytest.param(True, id="newest"), pytest.param(False, id="oldest")])
def test_pages_go_on_within_one_instant(store: Store, entries: list[AuditEntry], descending: bool) -> None:
    plan, found = JournalPlan(count=7, descending=descending), []
    while True:
        page = store.journal.page(plan, OPEN)
        found += [one.id for one in page]
        if len(page) < 7:
            break
        plan = replace(plan, after=Place(page[-1].at, page[-1].id))
    expected = newest_first(entries)
    assert found == (expected if descending else expected[::-1])


def test_a_page_of_a_person_looks_at_no_other_entries(store: Store, entries: list[AuditEntry]) -> None:
    collection = store.catalogue.service(AUDIT)
    wanted: dict[str, Any] = entry_filter(terms.OwnerIs("p0"))
    order = [("at", -1), ("_id", -1)]
    plan = collection.find(wanted).sort(order).limit(20).hint("owner_at").explain()["executionStats"]
    assert (plan["totalKeysExamined"], plan["totalDocsExamined"]) == (20, 20)
