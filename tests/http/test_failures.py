"""Errors that nobody foresaw, and a database that does not answer."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from flask import Flask

from fhir_server.app import CONTEXT
from fhir_server.http.application import flask_application
from fhir_server.http.authentication import Authentication
from fhir_server.http.codecs import codecs_of
from fhir_server.http.cors import Cors
from fhir_server.http.exchange import Exchange
from fhir_server.interactions.context import Context
from fhir_server.interactions.dispatch import Dispatcher, Interaction
from fhir_server.interactions.request import Reply, Request
from fhir_server.interactions.table import INTERACTIONS
from fhir_server.model.view import View
from fhir_server.settings import SettingsRefused
from tests.http.calls import BASE, bundle, entry, new_id, patient, send, situation
from tests.http.conftest import MakeApp


def explode(_context: Context, _request: Request) -> Reply:
    raise ValueError("Unmistakable: a name out of a record")


@pytest.fixture
def faulty(app: Flask) -> Flask:
    """A server with an interaction that fails."""
    rows = (*INTERACTIONS, Interaction("explode", "system", "GET", "/metadata/explode", explode))
    context: Context = app.extensions[CONTEXT]
    dispatcher = Dispatcher(rows, context.registry.resource_types, BASE)
    codecs = codecs_of(context.registry, context.validator)
    exchange = Exchange(
        replace(context, dispatcher=dispatcher),
        codecs,
        Authentication(None, View.unrestricted("open")),
        10_000,
    )
    return flask_application(
        exchange,
        rows,
        ping=lambda: False,
        behind=lambda: False,
        version="0",
        cors=Cors(frozenset()),
        operations={},
        statement=context.statement.text,
    )


def test_a_failure_says_nothing_of_its_cause_to_the_client(faulty: Flask) -> None:
    response = send(faulty.test_client(), "GET", "/metadata/explode", headers={"X-Request-Id": "abc"})
    assert (response.status_code, situation(response)) == (500, "internal")
    assert b"Unmistakable" not in response.data
    assert b"ValueError" not in response.data
    assert b"Traceback" not in response.data
    assert response.headers["X-Request-Id"] == "abc"


def test_a_failure_tells_the_operator_its_kind_and_place(
    faulty: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="fhir_server"):
        send(faulty.test_client(), "GET", "/metadata/explode", headers={"X-Request-Id": "abc"})
    assert "builtins.ValueError" in caplog.text
    assert "test_failures.py" in caplog.text
    assert "abc" in caplog.text
    assert "Unmistakable" not in caplog.text


def test_a_failing_entry_does_not_take_the_batch_along(faulty: Flask) -> None:
    id = new_id()
    made = bundle("batch", entry("GET", "metadata/explode"), entry("PUT", f"Patient/{id}", patient(id)))
    response = send(faulty.test_client(), "POST", "", made)
    assert response.status_code == 200
    statuses = [one["response"]["status"] for one in response.get_json()["entry"]]
    assert statuses == ["500 Internal Server Error", "201 Created"]
    assert b"Unmistakable" not in response.data


def test_a_database_that_does_not_answer_makes_the_server_unready(faulty: Flask) -> None:
    client = faulty.test_client()
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        pytest.param({"open": False}, "--open", id="closed"),
        pytest.param({"mongodb_uri": None}, "FHIR_MONGODB_URI", id="no-database"),
        pytest.param({"cross_person_types": ("Pacient",)}, "Pacient", id="unknown-type"),
    ],
)
def test_a_server_that_cannot_start_says_why(make_app: MakeApp, chosen: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsRefused, match=told):
        make_app(**chosen)
