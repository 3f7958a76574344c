"""Pages for people: Swagger UI over `/openapi.json`, and what this server does as a table.

Everything comes from this server: no page loads a file from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flask import Blueprint, Response

from fhir_server.model import exact_json

PACKAGE = "flask_swagger_ui"
"""Only its files are used: Swagger UI, Apache-2.0."""
ASSETS: Mapping[str, str] = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
START = b"""window.addEventListener("load", () => SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#ui", deepLinking: true, validatorUrl: null, supportedSubmitMethods: ["get"]
}));
"""
POLICY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}
HEAD = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width">'
)
CAPABILITIES = "/docs/capabilities"


def docs_blueprint(statement: Callable[[], bytes]) -> Blueprint:
    """Return `/docs`, its files, and `/docs/capabilities`; `statement` is the CapabilityStatement's text."""
    blueprint = Blueprint("docs", __name__)

    @blueprint.get("/docs")
    @blueprint.get("/docs/")
    def page() -> Response:
        return _html(_swagger_page())

    @blueprint.get("/docs/start.js")
    def start() -> Response:
        return Response(START, content_type="text/javascript; charset=utf-8", headers=POLICY)

    @blueprint.get("/docs/assets/<name>")
    def asset(name: str) -> Response:
        file = _file(name)
        if file is None:
            return Response(status=404)
        return Response(file.read_bytes(), content_type=ASSETS[name], headers=POLICY)

    @blueprint.get(CAPABILITIES)
    def capabilities() -> Response:
        return _html("".join(_capabilities(exact_json.decode(statement()))))

    return blueprint


def _html(text: str) -> Response:
    return Response(text, content_type="text/html; charset=utf-8", headers=POLICY)


def _file(name: str) -> Path | None:
    found = find_spec(PACKAGE)
    if name not in ASSETS or found is None or not found.submodule_search_locations:
        return None
    file = Path(found.submodule_search_locations[0]) / "dist" / name
    return file if file.is_file() else None


def _swagger_page() -> str:
    links = f'<p><a href="/openapi.json">OpenAPI</a> · <a href="{CAPABILITIES}">Capabilities</a></p>'
    return (
        f'{HEAD}<title>API</title><link rel="stylesheet" href="/docs/assets/swagger-ui.css">'
        '<link rel="icon" href="/docs/assets/favicon-32x32.png">'
        '<script src="/docs/assets/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script>'
        f'</head><body>{links}<div id="ui"></div></body></html>'
    )


def _capabilities(statement: Mapping[str, Any]) -> Iterator[str]:
    rest = statement["rest"][0]
    software = statement["software"]
    yield f"{HEAD}<title>Capabilities</title></head><body>"
    yield f"<h1>{escape(software['name'])} {escape(software['version'])}</h1><dl>"
    facts = {
        "FHIR": statement["fhirVersion"],
        "Base URL": statement["implementation"]["url"],
        "Formats": ", ".join(statement["format"]),
        "Interactions": _codes(rest),
        "Operations": _operations(rest),
    }
    for name, value in facts.items():
        yield f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
    yield "</dl><table><thead><tr><th>Type</th><th>Interactions</th><th>Operations</th>"
    yield "<th>Search parameters</th></tr></thead><tbody>"
    for resource in rest["resource"]:
        parameters = ", ".join(f"{one['name']} ({one['type']})" for one in resource.get("searchParam", ()))
        cells = (resource["type"], _codes(resource), _operations(resource), parameters)
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    yield "</tbody></table></body></html>"


def _codes(part: Mapping[str, Any]) -> str:
    return ", ".join(one["code"] for one in part.get("interaction", ()))


def _operations(part: Mapping[str, Any]) -> str:
    return ", ".join(f"${one['name']}" for one in part.get("operation", ()))
