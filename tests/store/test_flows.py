"""What labels flow to: found in one record by where they flow from, whatever it is labelled now."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.model.document import Access
from fhir_server.model.unit_of_work import Relabel, Replace, UnitOfWork
from tests.store.conftest import OPEN, Make

A, B = "DocumentReference/a", "DocumentReference/b"


@pytest.fixture
def record(store: Any, make: Make) -> None:
    def add(id: str, type: str, *sources: str, owner: str = "p1") -> None:
        access = Access(labels=("masked",), source=sources)
        store.records.commit(
            make.creates(make.document(id, type=type, owner=owner, access=access, visibility=64))
        )

    add("o1", "Observation", A)
    add("o2", "Observation", A, B)
    add("o3", "Observation")
    add("c1", "Condition", B)
    add("other", "Condition", A, owner="p2")
    add("gone", "Binary", A)
    deletion = make.document("gone", 2, type="Binary", deleted=True)
    store.records.commit(UnitOfWork(OPEN, deletes=(Replace(deletion, 1),)))


@pytest.mark.parametrize(
    ("sources", "types", "expected"),
    [
        pytest.param([A], None, {"o1", "o2", "gone"}, id="every-type"),
        pytest.param([A], ["Observation", "Condition"], {"o1", "o2"}, id="some-types"),
        pytest.param([A], ["Procedure", "Observation"], {"o1", "o2"}, id="a-type-never-written"),
        pytest.param([A, B], None, {"o1", "o2", "c1", "gone"}, id="several-sources"),
        pytest.param(["DocumentReference/c"], None, set(), id="nothing"),
        pytest.param([], None, set(), id="no-source"),
        pytest.param([A], [], set(), id="no-type"),
    ],
)
def test_what_inherits_is_found(
    store: Any, record: None, sources: list[str], types: list[str] | None, expected: set[str]
) -> None:
    found = store.records.flowing_from("p1", sources, types)
    assert {one.id for one in found} == expected
    for one in found:
        assert one.facts is not None and one.facts.access.labels == ("masked",)
        assert one.facts.resource_type == one.resource_type and one.owner == "p1"
        assert one.deleted or f'"id":"{one.id}"'.encode() in one.body


def test_what_inherits_no_more_is_not_found(store: Any, record: None) -> None:
    store.records.commit(UnitOfWork(OPEN, relabels=(Relabel("Observation", "o1", "p1", (), 0),)))
    assert {one.id for one in store.records.flowing_from("p1", [A], ["Observation"])} == {"o2"}


def test_only_what_inherits_is_in_the_index(store: Any, record: None) -> None:
    keys = store.client[store.database].command("validate", "Observation")["keysPerIndex"]
    assert keys["source"] == 3
