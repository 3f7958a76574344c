"""Histories inside a View that hides something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fhir_server.model.document import Document
from fhir_server.model.history import HistoryPlan
from fhir_server.model.predicate import Everything, OwnerIs, VisibilityIn
from fhir_server.model.unit_of_work import Replace, UnitOfWork
from fhir_server.model.view import ActorRef, View
from tests.store.conftest import OPEN, Make


def view_of(**by_type: Any) -> View:
    return View(ActorRef("test", "test"), "TREAT", None, by_type, {}, b"view")


def change(store: Any, make: Make, document: Document, **more: Any) -> Document:
    """Store the next version of a document."""
    facts = document.facts
    more = {"visibility": facts.visibility, "owner": facts.owner, **more}
    following = make.document(facts.id, document.version + 1, type=facts.resource_type, **more)
    store.records.commit(UnitOfWork(OPEN, replaces=(Replace(following, document.version),)))
    return following


def names(store: Any, view: View, plan: HistoryPlan) -> list[tuple[str, int]]:
    """Return ids and versions of all pages, which must agree with the count."""
    found: list[tuple[str, int]] = []
    count = store.records.history_count(plan, view)
    while True:
        page = store.records.history_page(plan, view)
        found += [(one.stored.id, one.stored.version) for one in page.entries]
        if page.next is None:
            break
        plan = replace(plan, after=page.next)
    assert len(found) == count
    return found


@pytest.fixture
def people(store: Any, make: Make, saved: Callable[..., Document]) -> None:
    """`open` was always visible, `now` is since version 2 was written, `hidden` is no longer since then."""
    for id, visibility in (("open", (0, 0)), ("now", (9, 0)), ("hidden", (0, 9))):
        first = saved(id, visibility=visibility[0])
        change(store, make, first, visibility=visibility[1])
    saved("other", owner="p2", type="Condition")


@pytest.mark.parametrize("count", [1, 2, 50])
@pytest.mark.parametrize("resource_type", ["Observation", None])
def test_what_holds_of_the_current_version_holds_of_all(
    store: Any, people: None, count: int, resource_type: str | None
) -> None:
    narrow = view_of(Observation=VisibilityIn(frozenset({0})))
    found = names(store, narrow, HistoryPlan(resource_type, count=count))
    assert sorted(found) == [("now", 1), ("now", 2), ("open", 1), ("open", 2)]


def test_a_type_that_a_view_does_not_name_has_no_history(store: Any, people: None) -> None:
    assert names(store, view_of(Condition=Everything()), HistoryPlan("Observation")) == []
    assert names(store, view_of(Condition=Everything()), HistoryPlan()) == [("other", 1)]


def test_the_record_of_another_person_is_not_there(store: Any, people: None) -> None:
    view = view_of(Observation=OwnerIs("p2"), Condition=OwnerIs("p2"))
    assert names(store, view, HistoryPlan(count=1)) == [("other", 1)]
    assert names(store, view, HistoryPlan("Observation", "open")) == []
