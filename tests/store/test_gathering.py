"""Look-ups that threads share: each begins after it was asked for, and everyone gets their own answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from time import monotonic

import pytest

from fhir_server.store.gathering import Gathering


def test_what_comes_during_a_look_up_shares_the_next_one() -> None:
    looked: list[frozenset[str]] = []
    begun, go = Event(), Event()
    joined = frozenset({"b", "c", "d"})

    def fetch(keys: Collection[str]) -> Mapping[str, str]:
        looked.append(frozenset(keys))
        begun.set()
        assert go.wait(60)
        return {key: key.upper() for key in keys if key != "d"}

    gathering = Gathering(fetch)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(gathering.get, "a")
        assert begun.wait(60)
        others = {key: pool.submit(gathering.get, key) for key in joined}
        deadline = monotonic() + 60
        while gathering._next is None or gathering._next.keys != joined:
            assert monotonic() < deadline
            Event().wait(0.001)
        go.set()
        assert first.result(60) == "A"
        assert {key: one.result(60) for key, one in others.items()} == {"b": "B", "c": "C", "d": None}
    assert looked == [{"a"}, joined]


def test_a_look_up_never_answers_one_who_asked_after_it_began() -> None:
    stored = {"p": 0}
    wrong: list[tuple[int, int]] = []
    gathering = Gathering(lambda keys: {key: stored[key] for key in keys})

    def ask() -> None:
        for _ in range(500):
            before = stored["p"]
            found = gathering.get("p")
            if found is None or found < before:
                wrong.append((before, -1 if found is None else found))

    def change() -> None:
        for number in range(1, 5_000):
            stored["p"] = number

    threads = [Thread(target=ask) for _ in range(6)] + [Thread(target=change)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_failure_is_that_of_its_round_alone() -> None:
    def fetch(keys: Collection[str]) -> Mapping[str, int]:
        if "bad" in keys:
            raise OSError("no database")
        return dict.fromkeys(keys, 1)

    gathering = Gathering(fetch)
    with pytest.raises(OSError, match="no database"):
        gathering.get("bad")
    assert gathering.get("good") == 1
