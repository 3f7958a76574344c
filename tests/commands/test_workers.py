"""What the workers make of the application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fhir_server.commands.serving.workers import whole_bodies


class Body:
    """An iterable body that knows whether it was closed."""

    def __init__(self, fails: bool = False) -> None:
        self.closed = False
        self.fails = fails

    def __iter__(self) -> Iterator[bytes]:
        yield b"a"
        if self.fails:
            raise OSError
        yield b"b"

    def close(self) -> None:
        self.closed = True


def answering(body: Body) -> Callable[..., Any]:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Body:
        start_response("200 OK", [])
        return body

    return application


def test_a_body_is_sent_whole_and_closed() -> None:
    body, started = Body(), []
    sent = whole_bodies(answering(body))({}, lambda *parts: started.append(parts))
    assert sent == [b"a", b"b"]
    assert body.closed
    assert started == [("200 OK", [])]


def test_a_body_that_fails_is_closed() -> None:
    body = Body(fails=True)
    try:
        whole_bodies(answering(body))({}, lambda *parts: None)
    except OSError:
        assert body.closed
    else:
        raise AssertionError("the failure was swallowed")
