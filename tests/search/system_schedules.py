"""Paging over several types while others write: what nobody touches is met once, forth and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fhir_server.app import CONTEXT, STORE
from fhir_server.interactions.assemble import Identity, stamp, written
from fhir_server.interactions.context import Context
from fhir_server.model.document import Facts
from fhir_server.model.unit_of_work import UnitOfWork
from tests.http.calls import BASE, send
from tests.search.schedules import DAY, MOST_PAGES, OPEN, STARTED, Schedule

KEPT_OF_OTHERS = 20
OTHERS = ("Condition", "Procedure")

ORDERS = ("", "&_sort=-_lastUpdated", "&_sort=_lastUpdated", "&_sort=_id", "&_sort=-patient,_lastUpdated")


@dataclass
class SystemSchedule(Schedule):
    """One run over three types, of which others write one."""

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        self.others = [f"{kind}/{self.person}-o{n}" for kind in OTHERS for n in range(KEPT_OF_OTHERS)]

    def _plant(self) -> None:
        Schedule._plant(self)
        context: Context = self.app.extensions[CONTEXT]
        documents = []
        for place, name in enumerate(self.others):
            kind, _, id = name.partition("/")
            # Of the instants that the Observations have: ties across types.
            updated = STARTED + timedelta(milliseconds=place // 4)
            identity = Identity(kind, id, 1, updated)
            stamped = stamp(self._other(kind, id, place), identity)
            documents.append(
                written(context, stamped, identity, Facts(kind, id, self.person), updated, place)
            )
        self.app.extensions[STORE].records.commit(UnitOfWork(OPEN, creates=tuple(documents)))

    def _other(self, kind: str, id: str, place: int) -> dict[str, Any]:
        made = {"resourceType": kind, "id": id, "subject": {"reference": f"Patient/{self.person}"}}
        if kind == "Procedure":
            day = DAY + timedelta(days=place)
            return {**made, "status": "completed", "performedDateTime": f"{day:%Y-%m-%d}"}
        return made

    def _read(self) -> tuple[list[str], int]:
        types, order = ",".join(("Observation", *OTHERS)), self.random.choice(ORDERS)
        count = self.random.randrange(1, 9)
        self.query = f"_type={types}&patient={self.person}{order}&_count={count}"
        forth, link = self._walk(f"?{self.query}", "next", "previous")
        back, _ = self._walk(link, "previous", "next")
        self._check(forth, "forth")
        # What is behind the first entry of the last page is on that page; the rest is before it.
        self._check([*back, *forth[-1:]], "back")
        found = [name.partition("/") for page in forth for name in page]
        return [id for kind, _, id in found if kind == "Observation"], len(forth)

    def _walk(self, url: str, relation: str, other: str) -> tuple[list[list[str]], str]:
        """Return the names on each page, and the other link of the last one."""
        client, found, turned = self.app.test_client(), list[list[str]](), ""
        while url and len(found) < MOST_PAGES:
            answer = send(client, "GET", url)
            if answer.status_code != 200:
                self.faults.append(f"{self.query}: {answer.status_code} {answer.text[:200]}")
                break
            page = answer.get_json(force=True)
            found.append([_name(entry["resource"]) for entry in page.get("entry", ())])
            url, turned = _link(page["link"], relation), _link(page["link"], other)
        return found, turned

    def _check(self, pages: Sequence[Sequence[str]], way: str) -> None:
        counts = Counter(name for page in pages for name in page)
        wanted = (*self.others, *(f"Observation/{id}" for id in self.kept))
        self.faults += [
            f"{self.query}: {name} is met {counts[name]} times {way}" for name in wanted if counts[name] != 1
        ]


def _name(resource: dict[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _link(links: Sequence[dict[str, str]], relation: str) -> str:
    urls = [link["url"] for link in links if link["relation"] == relation]
    return urls[0].removeprefix(BASE) if urls else ""
