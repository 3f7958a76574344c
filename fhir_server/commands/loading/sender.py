"""Parcels over HTTP, with patience: one kept-alive connection a thread."""

from __future__ import annotations

import http.client
import threading
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from fhir_server.commands.loading.journal import Journal
from fhir_server.commands.loading.parcels import Parcel

TIMEOUT_S = 120.0
ATTEMPTS = 5
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
BUSY = frozenset({429, 503})


class Unreachable(Exception):
    """No server answers; the text names the URL and the reason."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes
    retry_after_s: float | None = None


class Sender:
    """Sends requests below one base URL; safe to share between threads.  Leaving its context hangs up."""

    def __init__(
        self, base_url: str, journal: Journal, stopped: threading.Event, token: str | None = None
    ) -> None:
        """`token` is sent with every request."""
        self._parts = urlsplit(base_url)
        self._base_url = base_url
        self._journal = journal
        self._stopped = stopped
        self._credentials = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._local = threading.local()
        self._connections: list[http.client.HTTPConnection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()

    def greet(self) -> None:
        """Raise Unreachable unless a FHIR server answers."""
        status = self._exchange("GET", "metadata", b"", {}).status
        if status != http.client.OK:
            raise Unreachable(f"{self._base_url}/metadata answered {status}: is a FHIR server there?")

    def send(self, parcel: Parcel) -> Answer:
        """Return the answer to a parcel, tried again while the server is busy or the connection breaks.

        Raises Unreachable after ATTEMPTS.  A repeat is safe: a PUT is the same again, a POST carries its key.
        """
        headers = {"Content-Type": parcel.media_type, "Prefer": "return=minimal"}
        if parcel.method == "POST":
            headers["Idempotency-Key"] = self._journal.key(parcel.digest)
        pause = FIRST_PAUSE_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._exchange(parcel.method, parcel.path, parcel.body, headers)
                if answer.status not in BUSY or attempt == ATTEMPTS:
                    return answer
                wait_s = answer.retry_after_s or pause
            except Unreachable:
                if attempt == ATTEMPTS:
                    raise
                wait_s = pause
            if self._stopped.wait(min(wait_s, LONGEST_PAUSE_S)):
                break
            pause *= 2
        raise Unreachable(f"{self._base_url}: stopped while waiting for the server.")

    def _exchange(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        connection = self._connection()
        target = self._parts.path.rstrip("/") + (f"/{path}" if path else "")
        accepting = {"Accept": "application/fhir+json", **self._credentials, **headers}
        try:
            connection.request(method, target or "/", body or None, accepting)
            response = connection.getresponse()
            return Answer(response.status, response.read(), _seconds(response.headers.get("Retry-After")))
        except (OSError, http.client.HTTPException) as reason:
            connection.close()
            why = str(reason) or type(reason).__name__
            raise Unreachable(f"{self._base_url} does not answer: {why}.") from None

    def _connection(self) -> http.client.HTTPConnection:
        known: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if known is None:
            secure = self._parts.scheme == "https"
            make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            known = make(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_S)
            self._local.connection = known
            self._connections.append(known)
        return known


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
