"""Pages of several types while others write: what nobody touches is met once, forth and back."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.search.system_schedules import SystemSchedule
from tests.search.test_paging_schedules import app

__all__ = ["app"]

SCHEDULES = 10


@pytest.mark.parametrize("first", [pytest.param(n, id=f"{n}-on") for n in range(0, SCHEDULES, 5)])
def test_what_nobody_touches_is_met_once_forth_and_back(app: Flask, first: int) -> None:
    runs = [SystemSchedule(app, number) for number in range(first, first + 5)]
    assert [fault for one in runs for fault in one.run()] == []


def test_a_page_that_repeats_or_skips_is_seen(app: Flask) -> None:
    schedule = SystemSchedule(app, SCHEDULES)
    schedule.query = "_type=x"
    schedule._check(
        [[schedule.others[0], *schedule.others[:-1]], [f"Observation/{schedule.kept[0]}"]], "forth"
    )
    told = {fault.partition(": ")[2] for fault in schedule.faults}
    assert f"{schedule.others[0]} is met 2 times forth" in told
    assert f"{schedule.others[-1]} is met 0 times forth" in told
    assert len(told) == 2 + len(schedule.kept) - 1
