"""The Flask application: routes, health and OpenAPI over one exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Flask, Response
from flask_smorest import Api
from werkzeug.exceptions import HTTPException

from fhir_server.http.cors import Cors
from fhir_server.http.docs import docs_blueprint
from fhir_server.http.exchange import Exchange
from fhir_server.http.front import Front
from fhir_server.http.health import health_blueprint
from fhir_server.http.openapi import COMPONENTS, operation_schemas
from fhir_server.http.routes import SEGMENTS, by_shape, fhir_blueprint, schema_of
from fhir_server.interactions.dispatch import Interaction
from profiles.definitions import OperationDefinition

OPENAPI = {
    "API_TITLE": "FHIR R4 server",
    "OPENAPI_VERSION": "3.0.3",
    "OPENAPI_URL_PREFIX": "/",
    "OPENAPI_JSON_PATH": "openapi.json",
}


class FhirFlask(Flask):
    """Flask, whose answers to OPTIONS say the methods and nothing of a body that they do not have."""

    def make_default_options_response(self) -> Response:
        """Return the answer to OPTIONS."""
        answer: Response = super().make_default_options_response()
        del answer.headers["Content-Type"]
        return answer


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
    behind: Callable[[], bool],
    version: str,
    cors: Cors,
    operations: Mapping[str, OperationDefinition],
    statement: Callable[[], bytes],
) -> Flask:
    """Return the WSGI application.

    `ping` says whether the database answers, `behind` whether it needs a reindex; `operations` are the
    definitions by canonical; `statement` gives the CapabilityStatement's text.
    """
    app = FhirFlask("fhir_server", static_folder=None)
    settings: dict[str, Any] = {**OPENAPI, "API_VERSION": version}
    app.config.update(settings)
    app.url_map.merge_slashes = False
    app.url_map.converters.update(SEGMENTS)
    api = FhirApi(exchange)
    api.init_app(app)
    for segment in SEGMENTS.values():
        api.register_converter(segment, schema_of)
    rows = list(interactions)
    for name, schema in _schemas(rows, operations).items():
        api.spec.components.schema(name, dict(schema))
    api.register_blueprint(fhir_blueprint(exchange, rows, operations))
    app.register_blueprint(health_blueprint(ping, behind))
    app.register_blueprint(docs_blueprint(statement))
    cors.join(app)
    if not cors.origins:  # else every answer passes through the framework, which marks it
        front = Front(app.wsgi_app, exchange, by_shape(rows))
        app.wsgi_app = front  # type: ignore[method-assign]
    return app


def _schemas(
    rows: Iterable[Interaction], operations: Mapping[str, OperationDefinition]
) -> Mapping[str, Mapping[str, Any]]:
    schemas = dict(COMPONENTS)
    for definition in {row.definition for row in rows if row.definition is not None}:
        schemas.update(operation_schemas(operations[definition]))
    return schemas
