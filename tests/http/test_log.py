"""The line of a request is the same whether it is written at once or goes through the logging of Python."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from fhir_server.http.log import LOGGER, StandardOutput, log_request


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """The loggers of a server: ours has the one handler, that of all has none."""
    ours = logging.getLogger("fhir_server")
    monkeypatch.setattr(ours, "handlers", [StandardOutput()])
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    before = ours.level
    ours.setLevel(logging.INFO)
    yield ours
    ours.setLevel(before)


def line() -> None:
    log_request("GET", "/fhir/<resource_type>", 200, 1.23456, "r-1")


def test_a_line_is_the_same_on_both_ways(alone: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    line()
    at_once = capsys.readouterr().out
    heard = logging.getLogger()
    heard.handlers.append(logging.NullHandler())
    line()
    assert capsys.readouterr().out == at_once
    assert at_once == (
        '{"event":"request","method":"GET","route":"/fhir/<resource_type>","status":200,"ms":1.23,'
        '"request_id":"r-1"}\n'
    )


def test_whoever_else_listens_hears_it(alone: logging.Logger) -> None:
    records: list[logging.LogRecord] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    alone.handlers.append(Listener())
    line()
    assert [record.name for record in records] == ["fhir_server.request"]


def test_a_quiet_server_writes_no_line(alone: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    before = LOGGER.level
    LOGGER.setLevel(logging.WARNING)
    try:
        line()
    finally:
        LOGGER.setLevel(before)
    assert capsys.readouterr().out == ""
