"""One canonical line of JSON for each request: what was asked of which route, how it went, how long it took.

No query, no id, no header of the client but the request id, no body: none of it is personal.
"""

from __future__ import annotations

import logging
import sys

import msgspec

LOGGER = logging.getLogger("fhir_server.request")
_OURS, _ROOT = logging.getLogger("fhir_server"), logging.getLogger()
_ENCODER = msgspec.json.Encoder()


def log_request(method: str, route: str, status: int, milliseconds: float, request_id: str) -> None:
    """Log an answer; `route` is the template of its address (`/fhir/<resource_type>/<id>`)."""
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    line = {
        "event": "request", "method": method, "route": route, "status": status,
        "ms": round(milliseconds, 2), "request_id": request_id,
    }  # fmt: skip
    text = _ENCODER.encode(line).decode()
    alone = _alone()
    if alone is not None:
        alone.write(text)
    else:
        LOGGER.info("%s", text)


class StandardOutput(logging.Handler):
    """Writes each line to what is standard output at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        sys.stdout.write(self.format(record) + "\n")
        sys.stdout.flush()

    def write(self, text: str) -> None:
        """Write a line that needs no record: making one takes as long as a tenth of an answer."""
        self.acquire()
        try:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        finally:
            self.release()


def log_to_stdout() -> None:
    """Send the lines of this process, and its faults, to standard output, unless they go elsewhere."""
    if not _OURS.handlers:
        _OURS.addHandler(StandardOutput())
        _OURS.setLevel(logging.INFO)


def _alone() -> StandardOutput | None:
    """Return what alone would be given the line of a request, None where anything else listens."""
    handlers = _OURS.handlers
    if len(handlers) != 1 or LOGGER.handlers or LOGGER.filters or (_OURS.propagate and _ROOT.handlers):
        return None
    only = handlers[0]
    return only if isinstance(only, StandardOutput) else None
