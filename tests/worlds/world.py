"""One of the two worlds: a governed server in this process, over a database of its own, clock and ids given."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from pymongo import MongoClient
from werkzeug.test import TestResponse

from fhir_server.app import close_app, create_app
from fhir_server.model.ids import uuid7
from fhir_server.settings import Settings
from tests.conftest import FixedClock
from tests.governed import Governed
from tests.http.calls import BASE, FHIR_JSON
from tests.worlds.asking import Ask
from tests.worlds.items import PERFORMERS

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
VARIABLE = frozenset({"Date", "X-Request-Id", "Server-Timing"})
"""Headers in which the worlds may differ."""


@dataclass
class RepeatedIds:
    """Ids that follow from `prefix`, from which part of the server asks, and how often it did.

    They are the same in both worlds also where one of them needs more ids for what is not answered.
    """

    prefix: str = ""
    _counts: Counter[str] = field(default_factory=Counter)

    def begin(self, prefix: str) -> None:
        """Count anew under another prefix."""
        self.prefix = prefix
        self._counts.clear()

    def new(self, now: datetime) -> str:
        asking = sys._getframe(1).f_code.co_qualname
        self._counts[asking] += 1
        text = f"{self.prefix}|{asking}|{self._counts[asking]}"
        return uuid7(now, hashlib.sha256(text.encode()).digest()[:10])


@dataclass(frozen=True)
class Answer:
    """All of an answer that a client can tell apart."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def of(cls, response: TestResponse) -> Answer:
        """Return it without what may vary."""
        kept = sorted((name, value) for name, value in response.headers.items() if name not in VARIABLE)
        return cls(response.status_code, tuple(kept), response.data)

    @property
    def next(self) -> str | None:
        """The path below the base of the next page."""
        if b'"next"' not in self.body:
            return None
        try:
            links = json.loads(self.body).get("link", ())
        except (ValueError, AttributeError):
            return None
        following = next((one["url"] for one in links if one.get("relation") == "next"), None)
        return None if following is None else str(following).removeprefix(BASE)


@dataclass
class World:
    """One server."""

    governed: Governed
    clock: FixedClock
    ids: RepeatedIds
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.governed.app.test_client()

    def ask(self, ask: Ask, token: str, mark: str) -> Answer:
        """Return the answer; `mark` makes the ids of this request."""
        self.ids.begin(mark)
        headers = {"Authorization": f"Bearer {token}", **ask.headers}
        data = ask.body if ask.body is None or isinstance(ask.body, bytes) else json.dumps(ask.body).encode()
        if data is not None:
            headers.setdefault("Content-Type", FHIR_JSON)
        return Answer.of(self.client.open(f"/fhir{ask.path}", method=ask.method, data=data, headers=headers))


@dataclass
class Worlds:
    """Both worlds, each with a server that checks references and one that does not."""

    pairs: dict[bool, tuple[World, World]]
    number: int = 0
    """How many scenarios were played."""

    def pair(self, strict: bool) -> tuple[World, World]:
        """Return both worlds behind servers of one kind."""
        return self.pairs[strict]


@contextmanager
def two_worlds(uri: str, directory: Path, name: str) -> Iterator[Worlds]:
    """Yield two worlds whose databases are dropped afterwards; cursors and tokens are of the same keys."""
    databases = (f"{name}_1", f"{name}_2")
    made: list[Governed] = []
    with MongoClient[dict[str, Any]](uri) as mongo:
        try:
            pairs: dict[bool, tuple[World, World]] = {}
            clocks, ids = [FixedClock(START), FixedClock(START)], [RepeatedIds(), RepeatedIds()]
            for strict in (False, True):
                worlds = []
                for place, database in enumerate(databases):
                    settings = Settings(
                        mongodb_uri=uri, database=database, base_url=BASE, policy="fr", data_dir=directory,
                        referential_integrity="enforce" if strict else "off",
                    )  # fmt: skip
                    app = create_app(settings, clock=clocks[place], ids=ids[place])
                    made.append(Governed(app, settings))
                    worlds.append(World(made[-1], clocks[place], ids[place]))
                    _share_secrets(mongo, databases)
                pairs[strict] = (worlds[0], worlds[1])
            for one in pairs[False]:
                one.ids.begin("directory")
                for name in PERFORMERS:
                    resource_type, _, id = name.partition("/")
                    one.governed.plant({"resourceType": resource_type, "id": id, "name": [{"family": id}]})
            yield Worlds(pairs)
        finally:
            for governed in made:
                close_app(governed.app)
            for database in databases:
                mongo.drop_database(database)


def _share_secrets(mongo: MongoClient[dict[str, Any]], databases: tuple[str, str]) -> None:
    """Give the second database the keys of the first: what is sealed in one is sealed alike in the other."""
    for secret in mongo[databases[0]]["meta"].find({"_id": {"$regex": "^secret:"}}):
        mongo[databases[1]]["meta"].replace_one({"_id": secret["_id"]}, secret, upsert=True)
