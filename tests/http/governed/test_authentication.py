"""No answer without a token, and none with a bad one: always 401, always in the access log."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fhir_server.access.token_key import TokenKey
from fhir_server.access.tokens import mint
from fhir_server.model.actor import Actor
from tests.governed import Governed, Speaker
from tests.http.calls import observation, situation
from tests.http.governed.conftest import MakeGoverned

TOUCHED = [
    ("GET", "/Patient/p1", None), ("GET", "/Observation?patient=p1", None), ("POST", "/Observation", observation("Patient/p1")),
    ("POST", "", {"resourceType": "Bundle", "type": "batch"}), ("DELETE", "/Patient/p1", None), ("GET", "/_history", None),
    ("GET", "/no-such-address/at/all/here", None), ("GET", "/Practitioner/d", None), ("POST", "/Patient/p1/$hide", {}),
]  # fmt: skip


@pytest.fixture
def server(make_governed: MakeGoverned) -> Governed:
    made = make_governed()
    made.enrol("p1")
    return made


def log(server: Governed) -> list[dict[str, Any]]:
    return server.journal(None)


@pytest.mark.parametrize(("method", "path", "resource"), TOUCHED)
def test_without_a_token_there_is_no_answer(
    governed: Governed, method: str, path: str, resource: Any
) -> None:
    before = len(log(governed))
    answer = governed.nobody().send(method, path, resource)
    assert (answer.status_code, situation(answer)) == (401, "no-token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert [one["status"] for one in log(governed)[before:]] == [401]


def test_what_everyone_may_know_needs_no_token(server: Governed) -> None:
    assert server.nobody().get("/metadata").status_code == 200
    assert server.app.test_client().get("/livez").status_code == 200
    assert server.app.test_client().get("/openapi.json").status_code == 200


def test_a_refused_token_changes_nothing(server: Governed) -> None:
    other = mint(
        TokenKey(b"\x07" * 32), Actor("operator", "urn:op|1"), "HSYSADMIN",
        audience=server.settings.base_url, now=server.context.clock.now(), ids=server.context.ids,
    )  # fmt: skip
    answer = Speaker(server.app.test_client(), other).post(
        "/Patient", {"resourceType": "Patient", "id": "p2"}
    )
    assert (answer.status_code, situation(answer)) == (401, "bad-token")
    everyone = server.as_("operator", "urn:op|1", purpose="HSYSADMIN").get("/Patient")
    assert [one["resource"]["id"] for one in everyone.get_json()["entry"]] == ["p1"]


def test_bad_tokens_are_answered_alike(server: Governed, clock: Any) -> None:
    expired = server.person("p1", span=timedelta(seconds=1))
    foreign = mint(
        TokenKey((server.settings.data_dir / "token.key").read_bytes()), Actor("person", "p1"),
        audience="http://other.example.org/fhir", now=clock.now(), ids=server.context.ids,
    )  # fmt: skip
    once, revoked = server.person("p1", once=True), server.person("p1", session="s-revoked")
    assert once.get("/Patient/p1").status_code == 200
    assert revoked.get("/Patient/p1").status_code == 200
    server.store.tokens.revoke("s-revoked", clock.now() + timedelta(hours=2))
    clock.advance(seconds=62)
    speakers = [expired, once, revoked]
    speakers += [Speaker(server.app.test_client(), text) for text in (foreign, "nonsense", "a.b.c")]
    answers = [one.get("/Patient/p1") for one in speakers]
    assert {one.status_code for one in answers} == {401}
    assert len({one.data for one in answers}) == 1
    assert {one.headers["WWW-Authenticate"] for one in answers} == {'Bearer error="invalid_token"'}


def test_a_repeated_token_is_good_for_one_of_many_at_once(server: Governed) -> None:
    from concurrent.futures import ThreadPoolExecutor

    token = server.token("person", "p1", record="p1", once=True)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(Speaker(server.app.test_client(), token).get, "/Patient/p1") for _ in range(20)]
    assert sorted(one.result().status_code for one in asked) == [200, *[401] * 19]


def test_the_key_can_lie_elsewhere(make_governed: MakeGoverned, tmp_path: Path) -> None:
    server = make_governed(token_key_file=tmp_path / "elsewhere" / "key")
    server.enrol("p1")
    assert server.person("p1").get("/Patient/p1").status_code == 200
    assert not (tmp_path / "token.key").exists()


def test_a_token_says_who_the_access_log_names(server: Governed) -> None:
    server.doctor().get("/Patient/p1")
    line = server.journal("p1")[-1]
    assert line["status"] == 403
