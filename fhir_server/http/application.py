"""The Flask application: routes, health and OpenAPI over one exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response
from flask_smorest import Api
from werkzeug.exceptions import HTTPException

from fhir_server.http.cors import Cors
from fhir_server.http.exchange import Exchange
from fhir_server.http.health import health_blueprint
from fhir_server.http.routes import SEGMENTS, fhir_blueprint, schema_of
from fhir_server.interactions.dispatch import Interaction

OPENAPI = {
    "API_TITLE": "FHIR R4 server",
    "OPENAPI_VERSION": "3.0.3",
    "OPENAPI_URL_PREFIX": "/",
    "OPENAPI_JSON_PATH": "openapi.json",
}


class FhirApi(Api):  # type: ignore[misc]
    """flask-smorest, with OperationOutcomes for the errors of the framework."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Return the OperationOutcome of an address without interaction and the like."""
        return self._exchange.stray(error)


def flask_application(
    exchange: Exchange,
    interactions: Iterable[Interaction],
    *,
    ping: Callable[[], bool],
    version: str,
    cors: Cors,
) -> Flask:
    """Return the WSGI application.  `ping` says whether the database answers."""
    app = Flask("fhir_server", static_folder=None)
    settings: dict[str, Any] = {**OPENAPI, "API_VERSION": version}
    app.config.update(settings)
    app.url_map.merge_slashes = False
    app.url_map.converters.update(SEGMENTS)
    api = FhirApi(exchange)
    api.init_app(app)
    for segment in SEGMENTS.values():
        api.register_converter(segment, schema_of)
    api.register_blueprint(fhir_blueprint(exchange, interactions))
    app.register_blueprint(health_blueprint(ping))
    cors.join(app)
    return app
