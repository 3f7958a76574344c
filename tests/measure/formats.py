"""What XML costs beside JSON, and a patch beside an update; not a test, and not collected as one.

    .venv/bin/python -m tests.measure.formats [--resource FILE]

prints a Markdown table: milliseconds of the same requests through the WSGI application on an embedded MongoDB,
turn by turn, and each one's ratio to the request in JSON that does the same.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from conformance.load.timings import percentile
from fhir_server.app import close_app, create_app
from fhir_server.store.embedded import Embedded
from tests.http.calls import FHIR_JSON, patient, send
from tests.http.conftest import settings_of
from tests.http.patches import FHIR_XML, JSON_PATCH, XML_PATCH, fhirpath

NS_PER_MS = 1_000_000
OWN = patient(
    "measured",
    language="en",
    identifier=[{"system": "urn:oid:1.2.3", "value": str(number)} for number in range(4)],
    telecom=[{"system": "phone", "value": f"+33 1 23 45 67 8{number}"} for number in range(4)],
    address=[{"line": ["1 rue de la Paix"], "city": "Paris", "postalCode": "75002", "country": "FR"}],
    contact=[{"name": {"family": "Martin", "given": ["Ana", "Lou"]}, "gender": "female"}],
)


@dataclass(frozen=True, slots=True)
class Case:
    """A request; `beside` is the one that it is compared with, `target` the ratio it must stay below."""

    name: str
    run: Callable[[], TestResponse]
    beside: str | None = None
    target: float | None = None


def cases(client: FlaskClient, resource: dict[str, Any]) -> list[Case]:
    """Return the requests, all of them about one stored resource that has a `language`."""
    kind = resource["resourceType"]
    path, body = f"/{kind}/{resource['id']}", json.dumps(resource).encode()
    send(client, "PUT", path, body)
    xml = send(client, "GET", f"{path}?_format=xml").data
    as_fhirpath = fhirpath({"type": "replace", "path": f"{kind}.language", "value": {"valueCode": "fr"}})
    as_xml = f'<diff><replace sel="f:{kind}/f:language/@value">fr</replace></diff>'.encode()
    as_json = [{"op": "replace", "path": "/language", "value": "fr"}]

    def patch(content_type: str, described: Any) -> Callable[[], TestResponse]:
        return lambda: send(client, "PATCH", path, described, {"Content-Type": content_type})

    return [
        Case("read in JSON", lambda: send(client, "GET", path)),
        Case("read in XML", lambda: send(client, "GET", f"{path}?_format=xml"), "read in JSON", 4.0),
        Case("update in JSON", lambda: send(client, "PUT", path, body)),
        Case("update in XML", lambda: send(client, "PUT", path, xml, {"Content-Type": FHIR_XML}), "update in JSON", 4.0),
        Case("JSON Patch", patch(JSON_PATCH, as_json), "update in JSON", 1.5),
        Case("FHIRPath Patch", patch(FHIR_JSON, as_fhirpath), "update in JSON", 1.5),
        Case("XML Patch", patch(XML_PATCH, as_xml), "update in JSON", 1.5),
    ]  # fmt: skip


def measure(chosen: list[Case], rounds: int) -> dict[str, list[int]]:
    """Return the nanoseconds of each request, sorted; the requests take turns."""
    found: dict[str, list[int]] = {case.name: [] for case in chosen}
    for number in range(rounds + rounds // 10):
        for case in chosen:
            start = time.perf_counter_ns()
            response = case.run()
            if number >= rounds // 10:
                found[case.name].append(time.perf_counter_ns() - start)
            if response.status_code != 200:
                raise SystemExit(f"{case.name}: {response.status_code} {response.text}")
    return {name: sorted(costs) for name, costs in found.items()}


def table(chosen: list[Case], costs: dict[str, list[int]]) -> list[str]:
    """Return the rows of the Markdown table."""
    lines = ["| request | p50 ms | ratio | target |", "|---|---|---|---|"]
    for case in chosen:
        p50 = percentile(costs[case.name], 0.5)
        ratio = f"{p50 / percentile(costs[case.beside], 0.5):.2f}" if case.beside else ""
        target = f"≤ {case.target}" if case.target else ""
        lines.append(f"| {case.name} | {p50 / NS_PER_MS:.2f} | {ratio} | {target} |")
    return lines


@click.command(help="Print what XML and patches cost beside JSON and updates, as Markdown.")
@click.option("--resource", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rounds", default=200, show_default=True)
def main(resource: Path | None, rounds: int) -> None:
    """Measure and print."""
    logging.disable(logging.CRITICAL)
    tree = OWN if resource is None else json.loads(resource.read_text("utf-8"))
    with tempfile.TemporaryDirectory(prefix="formats-") as directory:
        embedded = Embedded.start(Path(directory) / "database")
        try:
            app = create_app(settings_of(embedded.uri, "formats"))
            chosen = cases(app.test_client(), {**tree, "language": "en"})
            click.echo("\n".join(table(chosen, measure(chosen, rounds))))
            close_app(app)
        finally:
            embedded.stop()


if __name__ == "__main__":
    main()
