"""Waiting until a server answers."""

from __future__ import annotations

import http.client
import threading
from urllib.parse import urlsplit

POLL_SECONDS = 0.02


def wait_until_ready(origin: str, stopped: threading.Event, timeout_s: float) -> bool:
    """Return whether `origin/readyz` answered 200 within `timeout_s` and before `stopped` was set."""
    waited = 0.0
    while waited < timeout_s:
        if answers(origin):
            return True
        if stopped.wait(POLL_SECONDS):
            return False
        waited += POLL_SECONDS
    return False


def answers(origin: str) -> bool:
    """Return whether `origin/readyz` answers 200 right now."""
    parts = urlsplit(origin)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
