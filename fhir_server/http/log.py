"""One canonical line of JSON for each request: what was asked of which route, how it went, how long it took.

No query, no id, no header of the client but the request id, no body: none of it is personal.
"""

from __future__ import annotations

import logging
import sys

import msgspec

LOGGER = logging.getLogger("fhir_server.request")
_ENCODER = msgspec.json.Encoder()


def log_request(method: str, route: str, status: int, milliseconds: float, request_id: str) -> None:
    """Log an answer; `route` is the template of its address (`/fhir/<resource_type>/<id>`)."""
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    line = {
        "event": "request", "method": method, "route": route, "status": status,
        "ms": round(milliseconds, 2), "request_id": request_id,
    }  # fmt: skip
    LOGGER.info("%s", _ENCODER.encode(line).decode())


class StandardOutput(logging.Handler):
    """Writes each line to what is standard output at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        sys.stdout.write(self.format(record) + "\n")
        sys.stdout.flush()


def log_to_stdout() -> None:
    """Send the lines of this process, and its faults, to standard output, unless they go elsewhere."""
    ours = logging.getLogger("fhir_server")
    if not ours.handlers:
        ours.addHandler(StandardOutput())
        ours.setLevel(logging.INFO)
