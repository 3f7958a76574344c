"""Background work: one holder at a time, each task when it is due, taken over when the holder is gone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from fhir_server.model.outcome import refuse
from fhir_server.store.leases import MongoLeases
from fhir_server.store.open import Store
from fhir_server.work import LEASE, LEASE_SPAN, POLL_S, Task, Work, tasks_of
from tests.conftest import FixedClock

HOUR = timedelta(hours=1)


@pytest.fixture
def leases(store: Store) -> MongoLeases:
    return MongoLeases(store.catalogue)


def counting(name: str = "count", every: timedelta = HOUR) -> tuple[Task, list[datetime]]:
    runs: list[datetime] = []

    def run(now: datetime) -> int:
        runs.append(now)
        return len(runs)

    return Task(name, every, run), runs


def test_a_task_runs_when_it_is_due_and_not_before(leases: MongoLeases, clock: FixedClock) -> None:
    task, runs = counting()
    work = Work([task], leases, clock, "a")
    assert work.step() == {"count": 1}
    clock.advance(minutes=59)
    assert work.step() == {}
    clock.advance(minutes=1)
    assert work.step() == {"count": 2}
    assert len(runs) == 2


def test_only_the_holder_of_the_lease_works(leases: MongoLeases, clock: FixedClock) -> None:
    task, runs = counting(every=timedelta(0))
    first, second = (Work([task], leases, clock, holder) for holder in "ab")
    assert first.step()
    assert second.step() == {}
    clock.advance(seconds=LEASE_SPAN.total_seconds())
    assert second.step(), "the lease ran out"
    assert first.step() == {}
    assert len(runs) == 2


def test_many_processes_that_ask_at_once_get_one_lease(leases: MongoLeases, clock: FixedClock) -> None:
    got: list[bool] = []
    threads = [
        threading.Thread(
            target=lambda name=str(number): got.append(leases.hold("x", name, clock.now(), HOUR))
        )
        for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 15 + [True]


def test_a_task_that_failed_is_still_due(leases: MongoLeases, clock: FixedClock) -> None:
    outcomes: Iterator[bool] = iter([False, True])

    def run(_: datetime) -> int:
        if not next(outcomes):
            raise refuse("database-unavailable", "The database does not answer.")
        return 7

    work = Work([Task("fails once", HOUR, run)], leases, clock, "a")
    with pytest.raises(Exception, match="does not answer"):
        work.step()
    assert work.step() == {"fails once": 7}


def test_a_stopped_worker_gives_its_lease_back(leases: MongoLeases, clock: FixedClock) -> None:
    task, runs = counting()
    stopped, worked = threading.Event(), threading.Event()

    def run(now: datetime) -> int:
        worked.set()
        return task.run(now)

    thread = threading.Thread(target=Work([Task("t", HOUR, run)], leases, clock, "a").run, args=(stopped,))
    thread.start()
    assert worked.wait(30)
    stopped.set()
    thread.join()
    assert leases.hold(LEASE, "b", clock.now(), HOUR)
    assert len(runs) == 1


def test_an_orphaned_attachment_is_swept_after_a_day(store: Store, clock: FixedClock) -> None:
    blob = store.blobs.put(b"never claimed", None)
    (sweep,) = tasks_of(store)
    now = clock.now()
    assert sweep.run(now) == 0
    assert b"".join(store.blobs.open(blob)) == b"never claimed"
    assert sweep.run(datetime.now(tz=now.tzinfo) + timedelta(days=2)) == 1
    with pytest.raises(KeyError):
        b"".join(store.blobs.open(blob))


def test_the_lease_is_not_written_each_time_a_short_task_is_due(
    leases: MongoLeases, clock: FixedClock, store: Store
) -> None:
    task, runs = counting(every=timedelta(seconds=4))
    work = Work([task], leases, clock, "a")
    seen = set()
    for _ in range(10):
        work.step()
        [lease] = store.catalogue.service("locks").find({"holder": "a"})
        seen.add(lease["until"])
        clock.advance(seconds=4)
    assert len(runs) == 10
    assert len(seen) == 2, "renewed once in 20 s"


def test_a_holder_comes_round_as_often_as_its_shortest_task_and_others_wait(
    leases: MongoLeases, clock: FixedClock
) -> None:
    tasks = [Task("long", HOUR, lambda _: 0), Task("short", timedelta(seconds=4), lambda _: 0)]
    holder, other = (Work(tasks, leases, clock, name) for name in "ab")
    assert holder.pause() == POLL_S
    holder.step()
    other.step()
    assert (holder.pause(), other.pause()) == (4.0, POLL_S)


def test_the_fault_of_one_task_does_not_end_the_work(leases: MongoLeases, clock: FixedClock) -> None:
    stopped, began = threading.Event(), threading.Event()
    runs: list[datetime] = []

    def run(now: datetime) -> int:
        runs.append(now)
        if began.is_set():
            return 0
        began.set()
        raise ZeroDivisionError

    work = Work([Task("t", timedelta(0), run)], leases, clock, "a")
    thread = threading.Thread(target=work.run, args=(stopped,))
    thread.start()
    assert began.wait(30)
    stopped.set()
    thread.join()
    assert not thread.is_alive()
    assert work.step() == {"t": 0}, "the task is still due"
