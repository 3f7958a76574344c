"""The HTTP routes: one view for each address of the interactions' table, one method for each of its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import flask
from flask import Response
from flask.views import MethodView
from flask_smorest import Blueprint
from werkzeug.routing import BaseConverter

from fhir_server.http.exchange import PREFIX, Exchange
from fhir_server.http.openapi import described
from fhir_server.interactions.dispatch import RESERVED, Interaction
from profiles.definitions import OperationDefinition

ID = "^[A-Za-z0-9.-]{1,64}$"
_VARIABLE = re.compile("<([a-z_]+)>")


class Segment(BaseConverter):
    """A segment of an address that is no reserved word, so that `GET /Patient/_search` is a 405."""

    part_isolating = True
    words: frozenset[str] = frozenset()

    def __init_subclass__(cls) -> None:
        alternatives = "|".join(map(re.escape, sorted(cls.words)))
        cls.regex = rf"(?!\$|(?:{alternatives})(?:/|$))[^/]+" if alternatives else r"(?!\$)[^/]+"


class TypeSegment(Segment):
    """A resource type."""

    words = RESERVED["resource_type"]


class IdSegment(Segment):
    """A logical id."""

    words = RESERVED["id"]


class VersionSegment(Segment):
    """A version id."""

    words = RESERVED["version_id"]


class CompartmentSegment(Segment):
    """The type of a compartment."""

    words = RESERVED["compartment"]


class CompartmentIdSegment(Segment):
    """The logical id of what defines a compartment."""

    words = RESERVED["compartment_id"]


SEGMENTS: Mapping[str, type[Segment]] = {
    "resource_type": TypeSegment,
    "id": IdSegment,
    "version_id": VersionSegment,
    "compartment": CompartmentSegment,
    "compartment_id": CompartmentIdSegment,
}
"""By variable; the name of the converter in a rule is the same."""

PATTERNS: Mapping[type[BaseConverter], str] = {
    TypeSegment: "^[A-Z][A-Za-z]+$",
    IdSegment: ID,
    VersionSegment: ID,
    CompartmentSegment: "^[A-Z][A-Za-z]+$",
    CompartmentIdSegment: ID,
}


def schema_of(segment: BaseConverter) -> Mapping[str, str]:
    """Return how OpenAPI describes a segment."""
    return {"type": "string", "pattern": PATTERNS[type(segment)]}


def fhir_blueprint(
    exchange: Exchange, interactions: Iterable[Interaction], operations: Mapping[str, OperationDefinition]
) -> Blueprint:
    """Return the FHIR API as a blueprint that documents itself; `operations` are known by canonical."""
    blueprint = Blueprint("fhir", __name__, url_prefix=PREFIX, description="FHIR R4")
    for shape, rows in by_shape(interactions).items():
        view = _view(exchange, blueprint, shape, rows, operations)
        blueprint.route(_VARIABLE.sub(r"<\1:\1>", shape))(view)
        if not shape:
            # The base with a slash is the same address: it is served, not described a second time.
            flask.Blueprint.add_url_rule(blueprint, "/", view_func=view.as_view("base"))
    return blueprint


def by_shape(interactions: Iterable[Interaction]) -> Mapping[str, Mapping[str, Interaction]]:
    """Return the rows by address, then by method; the first row of an address and method answers."""
    shapes: dict[str, dict[str, Interaction]] = {}
    for row in interactions:
        shapes.setdefault(row.shape, {}).setdefault(row.method, row)
    return shapes


def _view(
    exchange: Exchange,
    blueprint: Blueprint,
    shape: str,
    rows: Mapping[str, Interaction],
    operations: Mapping[str, OperationDefinition],
) -> type[MethodView]:
    words = (segment.strip("<>_$").replace("*", "all") for segment in shape.split("/") if segment)
    names = "-".join(words) or "system"
    members: dict[str, Any] = {
        row.method.lower(): blueprint.doc(**described(row, operations.get(row.definition or "")))(
            _method(exchange, row)
        )
        for row in rows.values()
    }
    return type(names, (MethodView,), {**members, "init_every_request": False})


def _method(exchange: Exchange, row: Interaction) -> Callable[..., Response]:
    def method(_view: MethodView, **address: str) -> Response:
        return exchange.answer(row, **address)

    method.__doc__ = (row.handler.__doc__ or row.name).partition("\n")[0]
    method.__name__ = row.method.lower()
    return method
