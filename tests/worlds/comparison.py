"""Plays a scenario in both worlds and compares every answer, byte by byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from tests.http.calls import BASE
from tests.worlds.asking import Ask, Call, Room
from tests.worlds.cast import WITNESS
from tests.worlds.doors import BY_NAME
from tests.worlds.planting import Ids, plant
from tests.worlds.scenarios import Scenario
from tests.worlds.world import START, Answer, World, Worlds

PAGES = 6
"""Pages that are followed."""
ASKED_AGAIN = 4
"""Of how many requests one is asked again by somebody who sees more."""


@dataclass
class Tally:
    """What was compared."""

    pairs: int = 0
    by_door: Counter[str] = field(default_factory=Counter)
    by_status: Counter[int] = field(default_factory=Counter)
    asked_again: int = 0
    told_apart: int = 0
    """How many of those asked again were answered differently: they touch what is hidden."""


class Difference(AssertionError):
    """The worlds answered differently."""

    def __init__(self, scenario: Scenario, call: Call, ask: Ask, one: Answer, two: Answer) -> None:
        lines = [f"{ask.method} {ask.path}", f"headers {dict(ask.headers)}", f"body {ask.body}"]
        lines += [f"world one: {_told(one, two)}", f"world two: {_told(two, one)}", str(scenario)]
        super().__init__("\n".join([f"{call} tells the worlds apart:", *lines]))
        self.call = call


def play(worlds: Worlds, scenario: Scenario, tally: Tally) -> None:
    """Play a scenario.  Raises Difference."""
    _Play(worlds, scenario, tally).run()


class _Play:
    def __init__(self, worlds: Worlds, scenario: Scenario, tally: Tally) -> None:
        worlds.number += 1
        self.scenario, self.tally = scenario, tally
        self.pair = worlds.pair(scenario.strict)
        self.ids = Ids(f"w{worlds.number:06d}")
        self.start = START
        self.token = _token(self.pair[0], scenario, self.ids)
        self.made: list[str] = []
        self.reads: list[Ask] = []
        self.steps = 0

    def run(self) -> None:
        """Plant both worlds and ask."""
        for world, side in zip(self.pair, (self.scenario.one, self.scenario.two), strict=True):
            world.clock.instant = self.start
            plant(world, self.scenario, side, self.ids, self.start)
        for call in self.scenario.calls:
            ask = BY_NAME[call.door](self._room(), call)
            self._asked(call, ask)
        self._asked_again()

    def _asked(self, call: Call, ask: Ask) -> None:
        for _ in range(PAGES):
            one, two = self._both(ask, self.token)
            self.tally.pairs += 1
            self.tally.by_door[call.door] += 1
            self.tally.by_status[one.status] += 1
            if one != two:
                raise Difference(self.scenario, call, ask, one, two)
            if ask.method == "GET":
                self.reads.append(ask)
            self._note(one)
            if one.next is None:
                return
            ask = Ask("GET", one.next, None, ask.headers if ask.method == "GET" else {})

    def _both(self, ask: Ask, token: str) -> tuple[Answer, Answer]:
        self.steps += 1
        answers = []
        for world in self.pair:
            world.clock.instant = self.start + timedelta(seconds=self.steps)
            answers.append(world.ask(ask, token, f"{self.ids.prefix}-{self.steps}"))
        return answers[0], answers[1]

    def _note(self, answer: Answer) -> None:
        location = dict(answer.headers).get("Location", "")
        if answer.status == 201 and location.startswith(BASE):
            self.made.append(location.removeprefix(f"{BASE}/").partition("/_history")[0])

    def _room(self) -> Room:
        def addresses(items: Sequence[object]) -> list[str]:
            return [self.ids.address(item) for item in items]  # type: ignore[arg-type]

        hidden = [*addresses(self.scenario.one.items), *addresses(self.scenario.two.items)]
        nowhere = [
            f"{kind}/{self.ids.person}-none" for kind in ("Observation", "DocumentReference", "Binary")
        ]
        return Room(
            self.ids.person, self.ids.other, addresses(self.scenario.visible), list(dict.fromkeys(hidden)), nowhere,
            tuple(self.made), self.pair[0].governed.context.canonical_base,
        )  # fmt: skip

    def _asked_again(self) -> None:
        """Ask some of it in the name of who sees more: the proof that it was about something hidden."""
        chosen = self.reads[self.tally.pairs % ASKED_AGAIN :: ASKED_AGAIN]
        if not chosen:
            return
        token = _witness(self.pair[0], self.scenario, self.ids)
        for ask in chosen:
            if "_cursor" in ask.path:
                continue
            one, two = self._both(ask, token)
            self.tally.asked_again += 1
            self.tally.told_apart += one != two


def _token(world: World, scenario: Scenario, ids: Ids) -> str:
    part = scenario.part
    world.ids.begin(ids.prefix)
    world.clock.instant = START
    more = dict(part.token)
    if part.role == "person":
        more["record"] = ids.person
    return world.governed.token(part.role, part.identity or ids.person, **more)


def _witness(world: World, scenario: Scenario, ids: Ids) -> str:
    if scenario.part.role in ("person", "representative", "caregiver", "gateway", "app"):
        return world.governed.token("professional", WITNESS, profession="doctor")
    return world.governed.token("person", ids.person, record=ids.person)


def _told(answer: Answer, other: Answer) -> str:
    """Return an answer around the first place in which it differs from the other."""
    headers = {name: value for name, value in answer.headers if (name, value) not in other.headers}
    pairs = enumerate(zip(answer.body, other.body, strict=False))
    alike = next((place for place, (one, two) in pairs if one != two), 0)
    part = answer.body[max(0, alike - 300) : alike + 900].decode("utf-8", "replace")
    return f"{answer.status} {headers} … {part}"
