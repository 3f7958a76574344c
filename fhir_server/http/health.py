"""Whether the process lives and whether it can serve: for machines that watch it, outside of the API."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response

ALIVE = b'{"status":"ok"}'
BEHIND = b'{"status":"ok","reindex":"needed"}'
NOT_READY = b'{"status":"the database does not answer"}'


def health_blueprint(ping: Callable[[], bool], behind: Callable[[], bool]) -> Blueprint:
    """Return `/livez` (the process answers) and `/readyz` (so does the database: else 503).

    `behind` says whether resources wait for `fhir-server reindex`: the server is ready all the same.
    """
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/livez")
    def livez() -> Response:
        return Response(ALIVE, content_type="application/json")

    @blueprint.get("/readyz")
    def readyz() -> Response:
        if ping():
            return Response(BEHIND if behind() else ALIVE, content_type="application/json")
        return Response(NOT_READY, 503, content_type="application/json")

    return blueprint
