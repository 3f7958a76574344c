"""Any answers behind the standard library's HTTP server, for as long as a test needs them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from conformance.literal_json import encode

PREFIX = "/r4"
FHIR_JSON = "application/fhir+json; charset=utf-8"

Tree = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """A request; `path` is below the base, without slashes around it."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return {key.lower(): value for key, value in self.headers.items()}.get(name.lower())


@dataclass(frozen=True)
class Reply:
    """An answer; `tree` is written as JSON unless there are `content` bytes."""

    status: int
    tree: Tree | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    def without(self, *names: str) -> Reply:
        return replace(self, headers={k: v for k, v in self.headers.items() if k not in names})


Answer = Callable[[Ask], Reply]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """Give the base URL of a server that answers so, served by threads of this process."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            address = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = dict(parse_qsl(address.query, keep_blank_values=True))
            path = address.path.removeprefix(PREFIX).strip("/")
            reply = answer(Ask(self.command, path, query, dict(self.headers.items()), body))
            content = reply.content or (encode(reply.tree).encode() if reply.tree is not None else b"")
            self.send_response(reply.status)
            headers = dict(reply.headers)
            if reply.tree is not None:
                headers.setdefault("Content-Type", FHIR_JSON)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD" and reply.status not in (204, 304):
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
