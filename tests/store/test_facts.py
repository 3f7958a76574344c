"""What is a fact of the current version is one of all versions, whoever writes it and however."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fhir_server.model.document import Access, Document, Facts
from fhir_server.model.history import HistoryPlan
from fhir_server.model.outcome import FhirError
from fhir_server.model.predicate import AllOf, Everything, LabelsExclude, OwnerIs, VisibilityIn
from fhir_server.model.unit_of_work import Relabel, Replace, UnitOfWork, VersionConflict
from fhir_server.model.view import ActorRef, View
from tests.store.conftest import NOON, OPEN, Make

MASKED = Access(labels=("masked",), authors=("urn:x|1",), source=("DocumentReference/d",), from_=NOON)
NARROW = View(
    ActorRef("test", "test"), "TREAT", "p1",
    {"Observation": AllOf((OwnerIs("p1"), LabelsExclude(frozenset({"masked"})))),
     "Condition": AllOf((OwnerIs("p1"), VisibilityIn(frozenset({0}))))},
    {}, b"",
)  # fmt: skip


def write(store: Any, make: Make, id: str, version: int, kind: str = "replaces", **more: Any) -> None:
    document = make.document(id, version, updated=NOON + timedelta(seconds=version), **more)
    expected = version if kind == "rewrites" else version - 1
    store.records.commit(UnitOfWork(OPEN, **{kind: (Replace(document, expected),)}))


def all_facts(store: Any, id: str, type: str = "Observation") -> list[tuple[Any, ...]]:
    """Return what is stored of every version, superseded ones first."""
    documents = [
        *store.catalogue.history(type).find({"_id": {"$regex": f"^{id}#"}}).sort("_id", 1),
        *store.catalogue.current(type).find({"_id": id}),
    ]
    return [(one["version"], one["visibility"], one["access"]) for one in documents]


def assert_one_set(store: Any, id: str, visibility: int, access: Access, versions: int) -> None:
    stored = {
        "labels": list(access.labels),
        "author": list(access.authors),
        "from": access.from_,
        "state": "current",
    }
    if access.source:
        stored["source"] = list(access.source)
    assert all_facts(store, id) == [(version, visibility, stored) for version in range(1, versions + 1)]


@pytest.mark.parametrize(
    "access",
    [
        pytest.param(Access(labels=("masked",)), id="labels"),
        pytest.param(Access(authors=("urn:x|1",)), id="authors"),
        pytest.param(Access(source=("DocumentReference/d",)), id="sources"),
        pytest.param(Access(from_=NOON), id="opening"),
        pytest.param(Access(), id="visibility"),
    ],
)
@pytest.mark.parametrize("visibility", [64])
@pytest.mark.parametrize("kind", ["replaces", "rewrites"])
def test_a_changed_fact_is_changed_in_all_versions(
    store: Any, make: Make, kind: str, visibility: int, access: Access
) -> None:
    for version in (1, 2, 3):
        write(store, make, "o", version)
    version = 4 if kind == "replaces" else 3
    write(store, make, "o", version, kind, visibility=visibility, access=access)
    assert_one_set(store, "o", visibility, access, version)
    write(store, make, "o", 1 + version)
    assert_one_set(store, "o", 0, Access(), 1 + version)


def test_a_resource_with_a_similar_id_keeps_its_facts(store: Any, make: Make) -> None:
    for id in ("o", "o-1", "o1"):
        write(store, make, id, 1)
        write(store, make, id, 2)
    write(store, make, "o", 3, visibility=64, access=MASKED)
    assert_one_set(store, "o-1", 0, Access(), 2)
    assert_one_set(store, "o1", 0, Access(), 2)


def test_a_deletion_keeps_the_facts_whatever_it_says(store: Any, make: Make) -> None:
    write(store, make, "o", 1)
    write(store, make, "o", 2, visibility=64, access=MASKED)
    write(store, make, "o", 3, "deletes", deleted=True)
    assert_one_set(store, "o", 64, MASKED, 3)
    assert store.records.read("Observation", "o", NARROW) is None
    assert names(store, HistoryPlan("Observation")) == []


def test_facts_are_read_where_they_are_asked_for(store: Any, make: Make) -> None:
    access = replace(MASKED, from_=NOON + timedelta(microseconds=1))
    write(store, make, "o", 1, visibility=64, access=access)
    stored = replace(access, from_=NOON + timedelta(milliseconds=1))
    expected = Facts("Observation", "o", "p1", 64, stored)
    assert store.records.read("Observation", "o", OPEN, facts=True).facts == expected
    assert store.records.read_many("Observation", ["o"], OPEN, facts=True)["o"].facts == expected
    assert store.records.read("Observation", "o", OPEN).facts is None
    assert store.records.read_many("Observation", ["o"], OPEN)["o"].facts is None


def relabel(id: str = "o", **more: Any) -> Relabel:
    return Relabel("Observation", id, "p1", ("masked",), 64, **more)


def test_a_relabel_reaches_all_versions_and_makes_none(store: Any, make: Make) -> None:
    for version in (1, 2, 3):
        write(store, make, "o", version, access=Access(authors=("urn:x|1",)))
    body = store.records.read("Observation", "o", OPEN).body
    sources = ("DocumentReference/d",)
    store.records.commit(UnitOfWork(OPEN, relabels=(relabel(source=sources, from_=NOON),)))
    assert_one_set(store, "o", 64, MASKED, 3)
    assert store.records.read("Observation", "o", OPEN).body == body
    store.records.commit(UnitOfWork(OPEN, relabels=(Relabel("Observation", "o", "p1", (), 0),)))
    assert_one_set(store, "o", 0, Access(authors=("urn:x|1",)), 3)


def test_a_relabel_reaches_a_deletion(store: Any, make: Make) -> None:
    write(store, make, "o", 1)
    write(store, make, "o", 2, "deletes", deleted=True)
    store.records.commit(UnitOfWork(OPEN, relabels=(relabel(),)))
    assert_one_set(store, "o", 64, Access(labels=("masked",)), 2)


def test_a_relabel_holds_for_what_the_same_commit_writes(store: Any, make: Make) -> None:
    write(store, make, "o", 1)
    document = make.document("o", 2)
    store.records.commit(UnitOfWork(OPEN, replaces=(Replace(document, 1),), relabels=(relabel(),)))
    assert_one_set(store, "o", 64, Access(labels=("masked",)), 2)


def test_a_relabel_passes_over_what_is_not_there(store: Any, make: Make) -> None:
    write(store, make, "o", 1, owner="p2")
    write(store, make, "o", 2, owner="p2")
    store.records.commit(UnitOfWork(OPEN, relabels=(relabel(), relabel("nothing"))))
    assert [visibility for _, visibility, _ in all_facts(store, "o")] == [0, 0]


def test_a_relabel_of_another_record_is_refused(store: Any, make: Make) -> None:
    write(store, make, "o", 1)
    view = View(ActorRef("test", "test"), "TREAT", "p2", {}, {"Observation": Everything()}, b"")
    with pytest.raises(FhirError) as error:
        store.records.commit(UnitOfWork(view, relabels=(relabel(),)))
    assert error.value.issues[0].situation == "refused"
    assert_one_set(store, "o", 0, Access(), 1)


BEFORE = Facts("Observation", "o", "p1")


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda make: {"replaces": (Replace(make.document("o", 3), 2, BEFORE),)}, id="replace"),
        pytest.param(lambda make: {"rewrites": (Replace(make.document("o", 2), 2, BEFORE),)}, id="rewrite"),
        pytest.param(
            lambda make: {"deletes": (Replace(make.document("o", 3, deleted=True), 2, BEFORE),)}, id="delete"
        ),
        pytest.param(
            lambda make: {"relabels": (Relabel("Observation", "o", "p1", (), 0, before=BEFORE),)},
            id="relabel",
        ),
    ],
)
def test_who_started_from_other_labels_is_in_conflict(
    store: Any, make: Make, work: Callable[[Make], dict[str, Any]]
) -> None:
    write(store, make, "o", 1)
    write(store, make, "o", 2)
    store.records.commit(UnitOfWork(OPEN, relabels=(relabel(),)))
    with pytest.raises(VersionConflict):
        store.records.commit(UnitOfWork(OPEN, **work(make)))
    assert_one_set(store, "o", 64, Access(labels=("masked",)), 2)
    store.records.commit(UnitOfWork(OPEN, relabels=(Relabel("Observation", "o", "p1", (), 0),)))
    store.records.commit(UnitOfWork(OPEN, **work(make)))


def names(store: Any, plan: HistoryPlan, view: View = NARROW) -> list[tuple[str, int]]:
    """Return ids and versions of a history, which must agree with its count and with vread."""
    page = store.records.history_page(plan, view)
    assert page.next is None
    found = [(one.stored.id, one.stored.version) for one in page.entries]
    assert store.records.history_count(plan, view) == len(found)
    for one in page.entries:
        again = store.records.vread(one.stored.resource_type, one.stored.id, one.stored.version, view)
        assert again is not None and again.body == one.stored.body
    return found


PLANS = [
    pytest.param(HistoryPlan("Observation"), id="type"),
    pytest.param(HistoryPlan("Observation", "hidden"), id="instance"),
    pytest.param(HistoryPlan(), id="system"),
]


@pytest.mark.parametrize("plan", PLANS)
def test_what_is_masked_later_has_no_history(store: Any, make: Make, plan: HistoryPlan) -> None:
    for version in (1, 2):
        write(store, make, "hidden", version)
    assert len(names(store, plan)) == 2
    store.records.commit(UnitOfWork(OPEN, relabels=(relabel("hidden"),)))
    assert names(store, plan) == []
    assert store.records.vread("Observation", "hidden", 1, NARROW) is None
    write(store, make, "hidden", 3, "deletes", deleted=True)
    assert names(store, plan) == []
    assert store.records.vread("Observation", "hidden", 3, NARROW) is None
    store.records.commit(UnitOfWork(OPEN, relabels=(Relabel("Observation", "hidden", "p1", (), 0),)))
    assert len(names(store, plan)) == 3


@pytest.mark.parametrize("number", range(6))
def test_masking_and_replacing_at_once_leave_one_set_of_facts(store: Any, make: Make, number: int) -> None:
    """Writers that carry labels on, and a person who masks meanwhile: the mask is never lost."""
    write(store, make, "o", 1)
    barrier = threading.Barrier(3)
    errors: list[BaseException] = []

    def replacing() -> None:
        barrier.wait()
        for _ in range(4):
            while True:
                head = store.records.read("Observation", "o", OPEN, facts=True)
                facts = head.facts
                document = make.document(
                    "o", head.version + 1, visibility=facts.visibility, access=facts.access
                )
                try:
                    store.records.commit(UnitOfWork(OPEN, replaces=(Replace(document, head.version, facts),)))
                    break
                except VersionConflict:
                    continue

    def masking() -> None:
        barrier.wait()
        threading.Event().wait(0.002 * number)
        store.records.commit(UnitOfWork(OPEN, relabels=(relabel(),)))

    def guarded(body: Callable[[], None]) -> None:
        try:
            body()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(body,)) for body in (replacing, replacing, masking)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert_one_set(store, "o", 64, Access(labels=("masked",)), 9)
    assert names(store, HistoryPlan("Observation")) == []


def reindexed(make: Make, version: int, visibility: int, labels: tuple[str, ...]) -> UnitOfWork:
    document: Document = make.document("o", version, visibility=visibility, access=Access(labels=labels))
    return UnitOfWork(OPEN, reindexes=(document,))


def test_a_reindex_gives_all_versions_the_visibility_that_follows_from_the_labels(
    store: Any, make: Make
) -> None:
    for version in (1, 2):
        write(store, make, "o", version, access=Access(labels=("x|N",)))
    store.records.commit(reindexed(make, 2, 7, ("x|N",)))
    assert_one_set(store, "o", 7, Access(labels=("x|N",)), 2)


@pytest.mark.parametrize(("version", "labels"), [(2, ()), (1, ("masked",)), (3, ("masked",))])
def test_a_reindex_of_what_was_relabelled_or_replaced_keeps_its_visibility(
    store: Any, make: Make, version: int, labels: tuple[str, ...]
) -> None:
    for number in (1, 2):
        write(store, make, "o", number, visibility=64, access=Access(labels=("masked",)))
    store.records.commit(reindexed(make, version, 0, labels))
    assert_one_set(store, "o", 64, Access(labels=("masked",)), 2)
