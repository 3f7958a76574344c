"""A line to the database that breaks after a command was sent, before its answer comes back."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote


class BrokenLine:
    """Forwards a unix socket to another; the next `breaks` commands that hold `word` lose their answer."""

    def __init__(self, uri: str, folder: Path) -> None:
        self._target = unquote(uri.removeprefix("mongodb://").partition("/?")[0])
        self.path = folder / "line.sock"
        self.uri = f"mongodb://{quote(str(self.path), safe='')}/?directConnection=true"
        self.word = b""
        self.breaks = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """Close every connection and wait for the threads."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self._open:
            _hang_up(line)
        for thread in self._threads:
            thread.join()
        for line in self._open:
            line.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            self._open += [client, server]
            for source, sink, answers in ((client, server, False), (server, client, True)):
                thread = threading.Thread(target=self._forward, args=(source, sink, answers))
                self._threads.append(thread)
                thread.start()

    def _forward(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        try:
            while data := source.recv(1 << 20):
                if not answers and self.breaks and self.word in data:
                    self.breaks -= 1
                    _hang_up(source)
                sink.sendall(data)
        except OSError:
            pass  # the other side is gone: so is this one
        _hang_up(source)
        _hang_up(sink)


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):  # it may be gone already
        line.shutdown(socket.SHUT_RDWR)
