"""An error that nobody foresaw, told to the operator by its kind and place only.

The text of an exception, and the values in its frames, can hold personal data: they are never logged.
"""

from __future__ import annotations

import logging
import traceback
from types import TracebackType

LOGGER = logging.getLogger("fhir_server.fault")
PLACES = 4


def log_fault(error: BaseException, request_id: str) -> None:
    """Log the type of an exception, where it was raised and the id of the request."""
    LOGGER.error(
        "unforeseen %s.%s at %s, request %s",
        type(error).__module__, type(error).__qualname__, places(error.__traceback__), request_id,
    )  # fmt: skip


def places(trace: TracebackType | None) -> str:
    """Return the innermost frames as `file:line function`, innermost first."""
    frames = traceback.extract_tb(trace)[-PLACES:]
    return " < ".join(f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in reversed(frames))


def _short(path: str) -> str:
    return "/".join(path.replace("\\", "/").split("/")[-2:])
