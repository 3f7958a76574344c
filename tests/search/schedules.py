"""Paging while others write: one schedule is one person, some writers and one reader, all drawn from a number.

What nobody touches (`kept`) must be met exactly once, in order; what is written meanwhile may or may not be.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from flask import Flask

from fhir_server.app import CONTEXT, STORE
from fhir_server.interactions.assemble import Identity, stamp, written
from fhir_server.interactions.context import Context
from fhir_server.model.document import Facts
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View
from tests.http.calls import BASE, observation, send

KEPT, MOVED, WRITERS = 45, 15, 3
MOST_PAGES = 200
STARTED = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DAY = datetime(2024, 1, 1, tzinfo=UTC)
OPEN = View.unrestricted("open")

ORDERS: tuple[tuple[str, ...], ...] = (
    (), ("_sort=-date",), ("_sort=date",), ("_sort=-_lastUpdated",), ("_sort=_lastUpdated",),
    ("_sort=status,-date",), ("_sort=-code,_id",), ("status=final,amended,preliminary", "_sort=-date"),
    ("date=ge2023", "_sort=date"), ("_sort=value-quantity",), ("_total=accurate",), ("date=ge2024-02-01",),
)  # fmt: skip


@dataclass
class Schedule:
    """One run; `faults` say what was wrong."""

    app: Flask
    number: int
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.number)
        self.person = f"s{self.number}"
        self.kept = [f"{self.person}-k{place}" for place in range(KEPT)]
        self.moved = [f"{self.person}-m{place}" for place in range(MOVED)]
        self._ended = threading.Event()

    def run(self) -> list[str]:
        """Write, read to the end and say what was wrong."""
        self._plant()
        writers = [threading.Thread(target=self._write, args=(place,)) for place in range(WRITERS)]
        for writer in writers:
            writer.start()
        try:
            found, pages = self._read()
        finally:
            self._ended.set()
            for writer in writers:
                writer.join()
        self._judge(found, pages)
        return self.faults

    def _plant(self) -> None:
        context: Context = self.app.extensions[CONTEXT]
        documents = []
        for place, id in enumerate((*self.kept, *self.moved)):
            updated = STARTED + timedelta(milliseconds=place // 4)  # several of one instant: ties
            identity = Identity("Observation", id, 1, updated)
            stamped = stamp(self._observation(id, self.random), identity)
            facts = Facts("Observation", id, self.person)
            documents.append(written(context, stamped, identity, facts, updated, place))
        self.app.extensions[STORE].records.commit(UnitOfWork(OPEN, creates=tuple(documents)))

    def _observation(self, id: str, random: Random) -> dict[str, Any]:
        day = DAY + timedelta(days=random.randrange(60))
        dated = {} if random.random() < 0.1 else {"effectiveDateTime": f"{day:%Y-%m-%d}"}
        value = {"value": random.randrange(10), "system": "http://unitsofmeasure.org", "code": "mg"}
        status = random.choice(("final", "amended", "preliminary"))
        measured = {} if random.random() < 0.2 else {"valueQuantity": value}
        return observation(f"Patient/{self.person}", id, status=status, **dated, **measured)

    def _write(self, place: int) -> None:
        random, client = Random(f"{self.number}/{place}"), self.app.test_client()
        mine = self.moved[place::WRITERS]
        for count in range(60):
            if self._ended.is_set():
                return
            id = random.choice(mine)
            match random.randrange(4):
                case 0:
                    answer = send(client, "DELETE", f"/Observation/{id}")
                case 1:
                    new = f"{self.person}-n{place}-{count}"
                    answer = send(client, "PUT", f"/Observation/{new}", self._observation(new, random))
                case _:
                    answer = send(client, "PUT", f"/Observation/{id}", self._observation(id, random))
            if answer.status_code >= 400:
                self.faults.append(f"a writer got {answer.status_code}: {answer.text[:200]}")

    def _read(self) -> tuple[list[str], int]:
        client = self.app.test_client()
        order = self.random.choice(ORDERS)
        self.query = "&".join((f"patient={self.person}", *order, f"_count={self.random.randrange(1, 9)}"))
        url, found, pages = f"/Observation?{self.query}", list[str](), 0
        while url and pages < MOST_PAGES:
            answer = send(client, "GET", url)
            if answer.status_code != 200:
                self.faults.append(f"{self.query}: {answer.status_code} {answer.text[:200]}")
                return found, pages
            page = answer.get_json(force=True)
            found += [entry["resource"]["id"] for entry in page.get("entry", ())]
            pages += 1
            url = _next(page["link"])
        return found, pages

    def _judge(self, found: Sequence[str], pages: int) -> None:
        if pages >= MOST_PAGES:
            self.faults.append(f"{self.query} does not end")
        counts = Counter(found)
        expected = set(self._matching())
        again = sorted(id for id in self.kept if counts[id] > 1)
        lost = sorted(id for id in expected if not counts[id])
        more = sorted(id for id in self.kept if counts[id] and id not in expected)
        for what, ids in (("twice", again), ("never", lost), ("no match", more)):
            if ids:
                self.faults.append(f"{self.query}: {what}: {ids}")

    def _matching(self) -> list[str]:
        random = Random(self.number)
        kept = [self._observation(id, random) for id in self.kept]
        since = next((part[7:] for part in self.query.split("&") if part.startswith("date=ge")), None)
        return [one["id"] for one in kept if since is None or one.get("effectiveDateTime", "") >= since]


def _next(links: Sequence[dict[str, str]]) -> str:
    urls = [link["url"] for link in links if link["relation"] == "next"]
    return urls[0].removeprefix(BASE) if urls else ""
