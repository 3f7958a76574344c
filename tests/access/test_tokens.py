"""Development tokens: what is accepted, and that everything else is refused in one and the same way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fhir_server.access.token_key import KEY_BYTES, TokenKey, TokenKeyRefused, open_key, read_key
from fhir_server.access.tokens import ISSUER, LONGEST, Verifier, mint
from fhir_server.model.actor import Actor
from fhir_server.model.outcome import FhirError
from tests.conftest import CountedIds, FixedClock

AUDIENCE = "https://record.example.org/fhir"
KEY = TokenKey(bytes(range(KEY_BYTES)))
ACTOR = Actor(
    "professional", "urn:a|1", name="Dr A", profession="doctor", specialty="urn:s|2", situation="x1",
    structure="urn:f|3", structure_name="Clinic", parents=("urn:f|4", "urn:f|5"), country="FR",
    client="ehr", reason="no answer", session="session-1", secret=True, record="p1",
)  # fmt: skip


@dataclass
class Spent:
    """Tokens that were revoked or used, in memory."""

    revoked: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

    def is_revoked(self, token_id: str) -> bool:
        return token_id in self.revoked

    def revoke(self, token_id: str, until: datetime) -> None:
        self.revoked.add(token_id)

    def spend(self, token_id: str, until: datetime) -> bool:
        fresh = token_id not in self.used
        self.used.add(token_id)
        return fresh


@pytest.fixture
def tokens() -> Spent:
    return Spent()


@pytest.fixture
def verifier(tokens: Spent) -> Verifier:
    return Verifier(KEY, AUDIENCE, tokens)


def made(clock: FixedClock, **more: Any) -> str:
    chosen = {"audience": AUDIENCE, "now": clock.now(), "ids": CountedIds(), **more}
    return mint(chosen.pop("key", KEY), chosen.pop("actor", ACTOR), chosen.pop("purpose", "BTG"), **chosen)


def part(value: Any) -> str:
    """Return one segment of a JWT."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(clock: FixedClock, **changes: Any) -> dict[str, Any]:
    now = int(clock.now().timestamp())
    whole = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "urn:a|1", "jti": "t-1", "iat": now, "nbf": now,
        "exp": now + 900, "role": "professional", "purpose": "TREAT",
    }  # fmt: skip
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def signed(header: Mapping[str, Any], payload: Any, secret: bytes = KEY.secret) -> str:
    """Return a JWT signed with HMAC-SHA-256 by hand, whatever its header says."""
    text = f"{part(dict(header))}.{part(payload)}"
    return f"{text}.{part(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


HEADER = {"alg": "HS256", "typ": "at+jwt"}


def refusal(verifier: Verifier, header: str | None, clock: FixedClock) -> FhirError:
    with pytest.raises(FhirError) as refused:
        verifier.verify(header, clock.now())
    return refused.value


def test_a_token_carries_the_whole_actor(verifier: Verifier, clock: FixedClock) -> None:
    token = verifier.verify(f"Bearer {made(clock)}", clock.now())
    assert token.actor == ACTOR
    assert token.purpose == "BTG"
    assert token.expires == clock.now() + timedelta(minutes=15)
    assert {one.name for one in fields(Actor) if getattr(ACTOR, one.name) == one.default} == set()


def test_a_token_without_a_session_has_an_id_of_its_own(verifier: Verifier, clock: FixedClock) -> None:
    tokens = [made(clock, actor=replace(ACTOR, session=None), ids=CountedIds(prefix)) for prefix in "ab"]
    sessions = [verifier.verify(f"Bearer {token}", clock.now()).actor.session for token in tokens]
    assert sessions == ["a-000001", "b-000001"]


def test_a_token_that_is_signed_by_hand_is_accepted(verifier: Verifier, clock: FixedClock) -> None:
    assert verifier.verify(f"bearer {signed(HEADER, claims(clock))}", clock.now()).actor.session == "t-1"


def test_a_missing_token_is_told_from_a_bad_one(verifier: Verifier, clock: FixedClock) -> None:
    missing = refusal(verifier, None, clock)
    assert missing.issues[0].situation == "no-token"
    assert missing.status == 401
    assert missing.headers["WWW-Authenticate"] == "Bearer"


Forge = Callable[[FixedClock], str]


@pytest.mark.parametrize("forge", [
    pytest.param(lambda clock: "", id="empty"),
    pytest.param(lambda clock: "abc", id="no-jwt"),
    pytest.param(lambda clock: "a.b.c", id="no-base64"),
    pytest.param(lambda clock: made(clock)[:-4], id="cut-off"),
    pytest.param(lambda clock: made(clock) + "é", id="not-ascii"),
    pytest.param(lambda clock: made(clock) + "a" * 9000, id="too-long"),
    pytest.param(lambda clock: made(clock, key=TokenKey(b"\x01" * 32)), id="other-key"),
    pytest.param(lambda clock: made(clock, audience="https://other.example.org/fhir"), id="other-audience"),
    pytest.param(lambda clock: made(clock, audience=AUDIENCE + "/"), id="almost-the-audience"),
    pytest.param(lambda clock: f"{part({'alg': 'none'})}.{part(claims(clock))}.", id="alg-none"),
    pytest.param(lambda clock: f"{part({'alg': 'none', 'typ': 'at+jwt'})}.{part(claims(clock))}.AA", id="alg-none-signed"),
    pytest.param(lambda clock: signed({"alg": "none", "typ": "at+jwt"}, claims(clock)), id="alg-none-over-a-mac"),
    pytest.param(lambda clock: signed({"alg": "RS256", "typ": "at+jwt"}, claims(clock)), id="hs-as-rs"),
    pytest.param(lambda clock: signed({"alg": "HS512", "typ": "at+jwt"}, claims(clock)), id="other-algorithm"),
    pytest.param(lambda clock: signed({"alg": "HS256"}, claims(clock)), id="no-type"),
    pytest.param(lambda clock: signed({**HEADER, "typ": "JWT"}, claims(clock)), id="another-kind-of-token"),
    *[
        pytest.param(lambda clock, name=name, value=value: signed({**HEADER, name: value}, claims(clock)), id=f"header-{name}")
        for name, value in {
            "jku": "https://evil.example.org/jwks", "jwk": {"kty": "oct", "k": "AAAA"}, "x5u": "https://evil.example.org/c",
            "x5c": ["AAAA"], "kid": "../../key", "crit": ["exp"], "b64": False, "zip": "DEF", "cty": "JWT",
        }.items()
    ],
    pytest.param(lambda clock: signed(HEADER, [1]), id="claims-no-object"),
    pytest.param(lambda clock: signed(HEADER, b"{"), id="claims-no-json"),
    *[
        pytest.param(lambda clock, name=name: signed(HEADER, claims(clock, **{name: None})), id=f"without-{name}")
        for name in ("iss", "aud", "sub", "jti", "iat", "nbf", "exp", "role", "purpose")
    ],
    pytest.param(lambda clock: signed(HEADER, claims(clock, admin=True)), id="unknown-claim"),
    pytest.param(lambda clock: signed(HEADER, claims(clock, aud=[AUDIENCE])), id="audience-list"),
    pytest.param(lambda clock: signed(HEADER, claims(clock, iss="urn:other")), id="other-issuer"),
    pytest.param(lambda clock: signed(HEADER, claims(clock, exp=10**12)), id="never-ending"),
    pytest.param(lambda clock: signed(HEADER, claims(clock, exp="9")), id="end-as-text"),
    pytest.param(lambda clock: signed(HEADER, claims(clock, exp=True)), id="end-as-boolean"),
    pytest.param(lambda clock: signed(HEADER, claims(clock, jti="a b")), id="illegal-id"),
    pytest.param(lambda clock: signed(HEADER, claims(clock, role="")), id="no-role"),
    pytest.param(lambda clock: made(clock, now=clock.now() + timedelta(minutes=2)), id="not-yet"),
    pytest.param(lambda clock: made(clock, now=clock.now() - timedelta(minutes=17)), id="expired"),
])  # fmt: skip
def test_a_bad_token_is_refused_like_every_other(verifier: Verifier, clock: FixedClock, forge: Forge) -> None:
    refused = refusal(verifier, f"Bearer {forge(clock)}", clock)
    reference = refusal(verifier, "Bearer nonsense", clock)
    assert (refused.status, refused.issues, refused.headers) == (
        reference.status, reference.issues, reference.headers,
    )  # fmt: skip
    assert refused.status == 401
    assert refused.issues[0].situation == "bad-token"


def test_another_payload_under_the_same_signature_is_refused(verifier: Verifier, clock: FixedClock) -> None:
    head, _, mac = made(clock).split(".")
    verifier.verify(f"Bearer {made(clock)}", clock.now())
    forged = f"{head}.{part(claims(clock, role='person', sub='p1'))}.{mac}"
    assert refusal(verifier, f"Bearer {forged}", clock).issues[0].situation == "bad-token"


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer  ", "DPoP abc"])
def test_another_scheme_is_a_bad_token(verifier: Verifier, clock: FixedClock, header: str) -> None:
    assert refusal(verifier, header, clock).issues[0].situation == "bad-token"


@pytest.mark.parametrize(("seconds", "accepted"), [
    pytest.param(900 + 59, True, id="within-the-leeway"),
    pytest.param(900 + 61, False, id="past-it"),
    pytest.param(-59, True, id="a-clock-that-is-behind"),
    pytest.param(-61, False, id="too-far-behind"),
])  # fmt: skip
def test_times_are_asked_each_time_within_a_leeway(
    verifier: Verifier, clock: FixedClock, seconds: int, accepted: bool
) -> None:
    header = f"Bearer {made(clock)}"
    verifier.verify(header, clock.now())
    clock.advance(seconds=seconds)
    if accepted:
        assert verifier.verify(header, clock.now()).actor == ACTOR
    else:
        assert refusal(verifier, header, clock).issues[0].situation == "bad-token"


def test_a_revoked_token_is_refused_though_it_was_accepted(
    verifier: Verifier, tokens: Spent, clock: FixedClock
) -> None:
    header = f"Bearer {made(clock)}"
    verifier.verify(header, clock.now())
    tokens.revoke(ACTOR.session, clock.now())
    assert refusal(verifier, header, clock).issues[0].situation == "bad-token"


def test_a_token_for_one_request_is_refused_the_second_time(verifier: Verifier, clock: FixedClock) -> None:
    header = f"Bearer {made(clock, once=True)}"
    assert verifier.verify(header, clock.now()).once
    assert refusal(verifier, header, clock).issues[0].situation == "bad-token"


@pytest.mark.parametrize("span", [timedelta(0), LONGEST + timedelta(seconds=1), timedelta(days=-1)])
def test_no_token_is_made_for_longer_than_an_hour(clock: FixedClock, span: timedelta) -> None:
    with pytest.raises(ValueError, match="at most an hour"):
        made(clock, span=span)


def test_a_key_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TokenKeyRefused, match=r"below.* cannot be made: "):
        open_key(tmp_path / "file" / "below")


def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "token.key"
    first = open_key(path)
    assert open_key(path) == first == read_key(path)
    assert len(first.secret) == KEY_BYTES
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["token.key"]
    assert repr(first.secret) not in repr(first)


@pytest.mark.parametrize(("content", "mode", "says"), [
    pytest.param(b"x" * 32, 0o640, "Others may read", id="readable-by-the-group"),
    pytest.param(b"x" * 32, 0o604, "Others may read", id="readable-by-everyone"),
    pytest.param(b"short", 0o600, "5 bytes", id="too-short"),
])  # fmt: skip
def test_a_key_that_is_not_private_is_refused(tmp_path: Path, content: bytes, mode: int, says: str) -> None:
    path = tmp_path / "token.key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(TokenKeyRefused, match=says):
        open_key(path)


def test_a_key_that_is_not_there_is_refused_where_it_must_be(tmp_path: Path) -> None:
    with pytest.raises(TokenKeyRefused, match="cannot be read"):
        read_key(tmp_path / "none")
