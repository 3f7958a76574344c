"""Pages and documents about the API itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.util import find_spec

import pytest
from flask.testing import FlaskClient

from fhir_server.http.docs import ASSETS, PACKAGE
from fhir_server.interactions.table import INTERACTIONS
from fhir_server.operations import operations


class Links(HTMLParser):
    """Collects what a page loads and where it leads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/docs/capabilities"])
def test_a_page_loads_nothing_from_elsewhere(client: FlaskClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert page.content_type.startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    links = Links()
    links.feed(page.text)
    assert [link for link in links.found if not link.startswith("/")] == []
    assert not re.search(r"<script>|\son\w+=", page.text)


@pytest.mark.skipif(find_spec(PACKAGE) is None, reason=f"{PACKAGE} is not installed")
def test_every_file_of_the_page_is_local(client: FlaskClient) -> None:
    links = Links()
    links.feed(client.get("/docs").text)
    for link in (*links.found, *(f"/docs/assets/{name}" for name in ASSETS)):
        assert client.get(link).status_code == 200, link


@pytest.mark.parametrize("name", ["../__init__.py", "index.html", "%2e%2e/x", "nothing"])
def test_only_known_files_are_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/assets/{name}").status_code == 404


def test_the_capability_page_tells_what_the_statement_tells(client: FlaskClient) -> None:
    page = client.get("/docs/capabilities").text
    for word in ("Observation", "history-system", "$meta-add", "$validate", "birthdate (date)", "4.0.1"):
        assert word in page


def test_openapi_describes_every_row_with_its_schemas(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    for row in (*INTERACTIONS, *operations()):
        path = "/fhir" + row.shape.replace("<", "{").replace(">", "}")
        assert row.method.lower() in document["paths"][path], path
    called = document["paths"]["/fhir/{resource_type}/{id}/$meta-add"]["post"]
    body = called["requestBody"]["content"]["application/fhir+json"]["schema"]
    assert body == {"$ref": "#/components/schemas/meta-add-in"}
    given = document["components"]["schemas"]["meta-add-in"]["properties"]["parameter"]["items"]["oneOf"]
    assert [one["properties"]["name"]["enum"] for one in given] == [["meta"]]
    asked = document["paths"]["/fhir/{resource_type}/{id}/$validate"]["get"]["parameters"]
    assert {"mode", "profile"} <= {one["name"] for one in asked if one["in"] == "query"}
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', client.get("/openapi.json").text))
    assert references <= set(document["components"]["schemas"])


def test_openapi_names_every_operation_once(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    ids = [
        called["operationId"]
        for path in document["paths"].values()
        for method, called in path.items()
        if method != "parameters"
    ]
    assert len(ids) == len(set(ids))
