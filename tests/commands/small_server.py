"""A server as `serve` builds it, one worker of few threads, around an application of a few lines.

`python -m tests.commands.small_server HOST PORT PATIENCE_S THREADS`, until SIGTERM.
"""

from __future__ import annotations

import io
import multiprocessing
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from fhir_server.commands.serving.bodies import Answer, Bodies
from fhir_server.commands.serving.workers import Application, build, end_once, whole_bodies
from fhir_server.model.outcome import FhirError

REFUSED = Answer(408, (("content-type", "text/plain"), ("connection", "close")), b"too slow")
LARGE = b"x" * 4_000_000

_let_go = threading.Event()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Tell the length of what was sent; /held waits for /let-go first, /large tells more."""
    if environ["PATH_INFO"] == "/let-go":
        _let_go.set()
    sent = io.BytesIO()
    try:
        while piece := environ["wsgi.input"].read(65536):
            sent.write(piece)
    except FhirError as error:
        start_response(f"{error.status} Refused", [])
        return [b"an answer that nobody reads"]
    if environ["PATH_INFO"] == "/held":
        _let_go.wait()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{sent.tell()} bytes".encode(), LARGE if environ["PATH_INFO"] == "/large" else b""]


def load(patience_s: float, threads: int) -> Application:
    """Return the application of a worker."""
    end_once()
    return whole_bodies(application, Bodies(patience_s, threads, REFUSED))


if __name__ == "__main__":
    host, port, patience_s, threads = sys.argv[1:]
    multiprocessing.set_start_method("spawn")
    server = build(host=host, port=int(port), workers=1, threads=int(threads))
    server.serve(target_loader=partial(load, float(patience_s), int(threads)), wrap_loader=False)
