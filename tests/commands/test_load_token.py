"""`fhir-server load` into a governed server: the token goes with every request, and into no message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from fhir_server.cli import main

TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"


class Listener:
    """A server that answers everything with success and remembers what credentials it was shown."""

    def __init__(self) -> None:
        shown = self.shown = list[str | None]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_PUT(self) -> None:
                self._answer()

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                shown.append(self.headers.get("Authorization"))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}/fhir"


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    thread = Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        pytest.param(["--token", TOKEN], {}, f"Bearer {TOKEN}", id="option"),
        pytest.param([], {"FHIR_TOKEN": f"{TOKEN}\n"}, f"Bearer {TOKEN}", id="variable"),
        pytest.param(["--token", TOKEN], {"FHIR_TOKEN": "other"}, f"Bearer {TOKEN}", id="the-option-wins"),
        pytest.param([], {}, None, id="none"),
    ],
)
def test_every_request_carries_the_token(
    listener: Listener,
    tmp_path: Path,
    arguments: list[str],
    environment: dict[str, str],
    expected: str | None,
) -> None:
    file = tmp_path / "patient.json"
    file.write_text(json.dumps({"resourceType": "Patient", "id": "p1"}), "utf-8")
    called = ["load", "--base", listener.base, *arguments, str(file)]
    result = CliRunner().invoke(main, called, env={"FHIR_TOKEN": None, **environment})
    assert result.exit_code == 0, result.output
    assert len(listener.shown) == 2, "the greeting and the resource"
    assert set(listener.shown) == {expected}
    assert TOKEN not in result.output


def test_what_is_no_token_is_not_sent_and_not_repeated(listener: Listener, tmp_path: Path) -> None:
    bad = "secret\r\nX-Evil: 1"
    result = CliRunner().invoke(main, ["load", "--base", listener.base, "--token", bad, str(tmp_path)])
    assert result.exit_code == 2
    assert "secret" not in result.output
    assert listener.shown == []
