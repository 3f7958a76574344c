"""A server that does nothing: the most that the clients of a measurement can get out of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

BODY = b'{"resourceType":"Basic","text":{"status":"empty"},"note":"' + b"x" * 1_200 + b'"}'
HEADERS = [("Content-Type", "application/fhir+json"), ("Content-Length", str(len(BODY)))]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer any request with the same 1.2 KB, a POST below the base with 201."""
    environ["wsgi.input"].read()
    creates = environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"].count("/") > 1
    start_response("201 Created" if creates else "200 OK", HEADERS)
    return [BODY]
