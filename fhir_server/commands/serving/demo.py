"""The demo record of `serve --demo`: posted to the running server, then requests to try."""

from __future__ import annotations

import hashlib
import json
import threading

import click

from fhir_server import demo
from fhir_server.commands.loading import report as reports
from fhir_server.commands.loading.journal import Journal
from fhir_server.commands.loading.parcels import Entry, Parcel
from fhir_server.commands.loading.sender import Sender, Unreachable
from fhir_server.model import exact_json


def show_demo(base_url: str, stopped: threading.Event, *, json_lines: bool) -> None:
    """Load the demo record and print the requests; a refusal is printed with its reasons."""
    report = reports.Report()
    try:
        with Sender(base_url, Journal.open(None, base_url), stopped) as sender:
            for name, body in demo.bundles():
                parcel = _parcel(name, body)
                report.add(reports.outcomes(parcel, sender.send(parcel)))
    except Unreachable as reason:
        click.echo(f"The demo record was not loaded: {reason}", err=True)
        return
    for failure in report.failures:
        click.echo(f"{failure.place}: {failure.status} {'; '.join(failure.texts)}", err=True)
    if json_lines:
        click.echo(
            json.dumps({"event": "demo", "resources": report.by_type(), "failed": len(report.failures)})
        )
    else:
        click.echo(_text(base_url, sum(report.counts.values())))


def _text(base_url: str, count: int) -> str:
    lines = [f"The demo record is loaded: {count} resources. Try, in another terminal:"]
    for example in demo.REQUESTS:
        lines += ["", f"# {example.title}", example.line.format(base=base_url)]
    return "\n".join(lines)


def _parcel(name: str, body: bytes) -> Parcel:
    entries = tuple(
        Entry(entry["resource"]["resourceType"], "PUT", f"{name}#entry[{index}]")
        for index, entry in enumerate(exact_json.decode(body)["entry"])
    )
    return Parcel(hashlib.sha256(body).hexdigest(), name, "POST", "", body, entries)
