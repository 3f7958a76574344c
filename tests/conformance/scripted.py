"""A TCP server that answers each request with scripted bytes, for what no proper server would send."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Script = Callable[[int], bytes | None]
"""Number of the request (from 1) → the bytes of the answer; None closes the connection without one."""


def ok(body: bytes = b"{}", status: int = 200) -> bytes:
    return b"HTTP/1.1 %d Some\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


class Scripted(socketserver.ThreadingTCPServer):
    """Counts `requests` (each one read to the end of its head and body) and `connections`."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.requests = 0
        self.connections = 0
        self.received_bytes = 0
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(socketserver.StreamRequestHandler):
    server: Scripted

    def handle(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.server.lock:
            self.server.connections += 1
        while self._request():
            with self.server.lock:
                self.server.requests += 1
                number = self.server.requests
            answer = self.server.script(number)
            if answer is None:
                return
            self.wfile.write(answer)
            self.wfile.flush()

    def _request(self) -> bool:
        try:
            line = self.rfile.readline()
            length = 0
            while (header := self.rfile.readline().strip().lower()) != b"":
                if header.startswith(b"content-length:"):
                    length = int(header.partition(b":")[2])
            body = self.rfile.read(length)
        except ConnectionError:
            return False
        with self.server.lock:
            self.server.received_bytes += len(body)
        return line != b""


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """Give the running server."""
    with Scripted(script) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
