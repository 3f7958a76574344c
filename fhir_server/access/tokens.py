"""Development tokens: short-lived JWTs that carry an Actor, made and proven with one secret key.

One algorithm, one key, one issuer, one audience; whatever else a token says about how it is to be proven is
refused.  They stand in for an authorization server on a developer's machine and are not for production.
Spec: https://www.rfc-editor.org/rfc/rfc7519, https://www.rfc-editor.org/rfc/rfc8725
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from fhir_server.access.ports import Tokens
from fhir_server.access.token_key import TokenKey
from fhir_server.model.actor import Actor
from fhir_server.model.ids import ID_PATTERN, Ids
from fhir_server.model.outcome import FhirError, Issue

ALGORITHM: Final = "HS256"
TYPE: Final = "at+jwt"
ISSUER: Final = "urn:fhir-server:development"
LONGEST: Final = timedelta(hours=1)
USUAL: Final = timedelta(minutes=15)
LEEWAY: Final = timedelta(seconds=60)
"""How far the clocks of two machines may be apart."""
PURPOSE: Final = "TREAT"

_HEADER: Final = {"alg": ALGORITHM, "typ": TYPE}
_SCHEME: Final = "bearer"
_MAX_CHARACTERS: Final = 8192
_KNOWN: Final = 1024

MISSING: Final = "This server answers only with a token: send `Authorization: Bearer …`."
NOT_ACCEPTED: Final = "The token is not accepted; get a new one."


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a token says; a claim that is not listed makes it illegal."""

    iss: str
    aud: str
    sub: str
    jti: str
    iat: int
    nbf: int
    exp: int
    role: str
    purpose: str
    once: bool = False
    name: str = ""
    profession: str | None = None
    specialty: str | None = None
    situation: str | None = None
    structure: str | None = None
    structure_name: str = ""
    parents: tuple[str, ...] = ()
    country: str | None = None
    client: str | None = None
    reason: str | None = None
    secret: bool = False
    record: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was proven.  Its id is `actor.session`."""

    actor: Actor
    purpose: str
    """A code of v3-ActReason."""
    expires: datetime
    once: bool
    """Whether it is good for a single request."""


_Proven = tuple[Claims, Token]
"""What a token says, and what is made of it."""


def mint(
    key: TokenKey,
    actor: Actor,
    purpose: str = PURPOSE,
    *,
    audience: str,
    now: datetime,
    ids: Ids,
    span: timedelta = USUAL,
    once: bool = False,
) -> str:
    """Return a token for `audience` (the base URL of the server), good for `span` from `now`.

    The session of the actor becomes the id of the token; where it has none, a new one is made.
    Raises ValueError where `span` is not between one second and an hour.
    """
    if not timedelta(seconds=1) <= span <= LONGEST:
        raise ValueError("A token is good for at least one second and at most an hour.")
    start = int(now.timestamp())
    claims = Claims(
        iss=ISSUER, aud=audience, sub=actor.identity, jti=actor.session or ids.new(now),
        iat=start, nbf=start, exp=start + int(span.total_seconds()),
        role=actor.kind, purpose=purpose, once=once, name=actor.name, profession=actor.profession,
        specialty=actor.specialty, situation=actor.situation, structure=actor.structure,
        structure_name=actor.structure_name, parents=actor.parents, country=actor.country,
        client=actor.client, reason=actor.reason, secret=actor.secret, record=actor.record,
    )  # fmt: skip
    return jwt.encode(dict(_HEADER), msgspec.to_builtins(claims), _oct(key), algorithms=[ALGORITHM])


class Verifier:
    """Proves tokens.  Shared by all threads of a worker.

    What a signature proves does not change: it is checked once and remembered; times, revocation and
    single use are asked each time.
    """

    def __init__(self, key: TokenKey, audience: str, tokens: Tokens) -> None:
        self._key = _oct(key)
        self._audience = audience
        self._tokens = tokens
        self._proven: OrderedDict[bytes, _Proven] = OrderedDict()
        self._lock = threading.Lock()

    def verify(self, header: str | None, now: datetime) -> Token:
        """Return the token in an `Authorization` header.

        Raises FhirError `no-token` where there is none, and one and the same `bad-token` for one that is
        forged, malformed, expired, not yet valid, meant for another server, revoked or used up.
        """
        if header is None:
            raise _refused("no-token", MISSING, "Bearer")
        proven = self._of(header)
        if proven is None or not self._is_current(proven[0], now) or not self._may_be_used(proven[0]):
            raise bad_token()
        return proven[1]

    def _of(self, header: str) -> _Proven | None:
        scheme, _, text = header.strip().partition(" ")
        text = text.strip()
        if scheme.lower() != _SCHEME or not text.isascii() or len(text) > _MAX_CHARACTERS:
            return None
        digest = hashlib.sha256(text.encode("ascii")).digest()
        with self._lock:
            known = self._proven.get(digest)
        if known is not None:
            return known
        proven = _proven(text, self._key)
        if proven is not None:
            with self._lock:
                self._proven[digest] = proven
                if len(self._proven) > _KNOWN:
                    self._proven.popitem(last=False)
        return proven

    def _is_current(self, claims: Claims, now: datetime) -> bool:
        at, leeway = now.timestamp(), LEEWAY.total_seconds()
        return (
            claims.iss == ISSUER
            and claims.aud == self._audience
            and claims.iat <= at + leeway
            and claims.nbf <= at + leeway
            and at - leeway < claims.exp <= claims.iat + LONGEST.total_seconds()
        )

    def _may_be_used(self, claims: Claims) -> bool:
        if self._tokens.is_revoked(claims.jti):
            return False
        return not claims.once or self._tokens.spend(claims.jti, _instant(claims.exp) + LEEWAY)


def bad_token() -> FhirError:
    """Return the one 401 of every token that is not accepted."""
    return _refused("bad-token", NOT_ACCEPTED, 'Bearer error="invalid_token"')


def _refused(situation: str, text: str, challenge: str) -> FhirError:
    return FhirError(Issue(situation, text), headers={"WWW-Authenticate": challenge})


def _proven(text: str, key: OctKey) -> _Proven | None:
    """Return what a token says if its signature is ours, else None."""
    try:
        signed = jws.deserialize_compact(text, key, algorithms=[ALGORITHM])
        # Exactly our header: no key, no address of one and no extension that the token brings along.
        if signed.headers() != _HEADER:
            return None
        claims = msgspec.json.decode(signed.payload, type=Claims)
        if not (ID_PATTERN.match(claims.jti) and claims.sub and claims.role):
            return None
        return claims, Token(_actor(claims), claims.purpose, _instant(claims.exp), claims.once)
    except (JoseError, ValueError, OverflowError, OSError):  # the last two: an instant that is none
        return None


def _actor(claims: Claims) -> Actor:
    return Actor(
        kind=claims.role, identity=claims.sub, name=claims.name, profession=claims.profession,
        specialty=claims.specialty, situation=claims.situation, structure=claims.structure,
        structure_name=claims.structure_name, parents=claims.parents, country=claims.country,
        client=claims.client, reason=claims.reason, session=claims.jti, secret=claims.secret,
        record=claims.record,
    )  # fmt: skip


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _oct(key: TokenKey) -> OctKey:
    return OctKey.import_key(key.secret)
