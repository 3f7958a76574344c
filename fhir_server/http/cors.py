"""Cross-origin requests: which web pages may call the API from a browser.

Spec: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from dataclasses import dataclass

import flask
from flask import Flask, Response

ANY = "*"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = (
    "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-Modified-Since, If-None-Exist, "
    "If-None-Match, Prefer, X-Request-Id, X-Security-Context"
)
EXPOSED = "Content-Location, ETag, Idempotency-Replayed, Last-Modified, Location, Retry-After, X-Request-Id"
MAX_AGE_S = 600


@dataclass(frozen=True, slots=True)
class Cors:
    """`origins` are those that may call (`https://app.example.org`), `*` alone is every one.

    No answer allows credentials: a browser sends no cookies, and this server knows none.
    """

    origins: frozenset[str]

    def join(self, app: Flask) -> None:
        """Answer preflights and mark every answer.  Without origins nothing is done at all."""
        if self.origins:
            app.before_request(self._preflight)
            app.after_request(self._mark)

    def _preflight(self) -> Response | None:
        request = flask.request
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        answer = Response(status=204)
        del answer.headers["Content-Type"]
        if self._is_allowed(request.headers.get("Origin")):
            answer.headers["Access-Control-Allow-Methods"] = METHODS
            answer.headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
            answer.headers["Access-Control-Max-Age"] = str(MAX_AGE_S)
        return answer

    def _mark(self, answer: Response) -> Response:
        origin = flask.request.headers.get("Origin")
        if ANY not in self.origins:
            answer.headers.add("Vary", "Origin")
        if origin is not None and self._is_allowed(origin):
            answer.headers["Access-Control-Allow-Origin"] = ANY if ANY in self.origins else origin
            answer.headers["Access-Control-Expose-Headers"] = EXPOSED
        return answer

    def _is_allowed(self, origin: str | None) -> bool:
        return origin is not None and (ANY in self.origins or origin in self.origins)
