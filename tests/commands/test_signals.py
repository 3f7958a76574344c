"""A signal to stop reaches the server whatever its main thread is about to do."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from fhir_server.commands.serving.signals import told_of

LONG_S = 30


@pytest.fixture
def deaf() -> Iterator[None]:
    """The handlers of signals do nothing, as those that are never called."""
    numbers = (signal.SIGTERM, signal.SIGUSR1)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("deaf")
def test_a_signal_is_told_though_its_handler_does_nothing() -> None:
    told = threading.Event()
    with told_of({signal.SIGTERM}, told.set):
        os.kill(os.getpid(), signal.SIGTERM)
        assert told.wait(LONG_S)


@pytest.mark.usefixtures("deaf")
def test_only_the_signals_that_were_named_are_told() -> None:
    told: list[str] = []
    with told_of({signal.SIGTERM}, lambda: told.append("stop")):
        os.kill(os.getpid(), signal.SIGUSR1)
    assert told == []


@pytest.mark.usefixtures("deaf")
def test_nothing_is_told_afterwards_and_what_listened_before_listens_again() -> None:
    first, second = threading.Event(), threading.Event()
    with told_of({signal.SIGTERM}, first.set):
        with told_of({signal.SIGTERM}, second.set):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        assert first.wait(LONG_S)
    os.kill(os.getpid(), signal.SIGTERM)
    assert not second.is_set()
