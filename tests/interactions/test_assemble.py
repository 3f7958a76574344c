"""What the server puts into a resource, and the facts that it keeps beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.interactions.assemble import Identity, stamp, whole_milliseconds

NOW = datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)
IDENTITY = Identity("Patient", "p1", 3, NOW)
META = {"versionId": "3", "lastUpdated": "2026-11-22T08:00:00.123Z"}


@pytest.mark.parametrize(
    ("sent", "members"),
    [
        pytest.param(
            {"resourceType": "Patient", "active": True}, ["resourceType", "id", "meta", "active"], id="bare"
        ),
        pytest.param(
            {"resourceType": "Patient", "active": True, "id": "x"},
            ["resourceType", "active", "id", "meta"],
            id="id-last",
        ),
        pytest.param(
            {"meta": {}, "active": True, "resourceType": "Patient"},
            ["meta", "active", "resourceType", "id"],
            id="type-last",
        ),
    ],
)
def test_members_keep_their_order(sent: dict[str, Any], members: list[str]) -> None:
    assert list(stamp(sent, IDENTITY)) == members


def test_other_meta_is_kept() -> None:
    sent = {"resourceType": "Patient", "meta": {"versionId": "9", "tag": [{"code": "x"}], "source": "urn:s"}}
    assert stamp(sent, IDENTITY)["meta"] == {**META, "tag": [{"code": "x"}], "source": "urn:s"}


@given(
    st.dictionaries(st.sampled_from(["id", "meta", "name", "active", "text"]), st.just({}), max_size=5),
    st.integers(0, 5),
)
def test_nothing_else_changes(members: dict[str, Any], position: int) -> None:
    items = list(members.items())
    sent = dict([*items[:position], ("resourceType", "Patient"), *items[position:]])
    before = dict(sent)
    stamped = stamp(sent, IDENTITY)
    assert sent == before
    assert stamped == {**sent, "id": "p1", "meta": META}
    ours = {"id", "meta"} - sent.keys()
    assert [name for name in stamped if name not in ours] == list(sent)


def test_instants_are_as_precise_as_they_are_told() -> None:
    assert whole_milliseconds(NOW) == NOW.replace(microsecond=123000)
