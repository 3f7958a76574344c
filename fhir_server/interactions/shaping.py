"""`_summary` and `_elements` on every interaction that shows resources: asked once, applied to the answer.

Spec: https://hl7.org/fhir/R4/search.html#summary
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Reply, Request
from fhir_server.model import exact_json
from fhir_server.model.outcome import FhirError, refuse

Handler = Callable[[Context, Request], Reply]

SUMMARY, ELEMENTS = "_summary", "_elements"
NAMES = frozenset({SUMMARY, ELEMENTS})
MODES = ("true", "text", "data", "count", "false")
MAX_ELEMENTS = 200


@dataclass(frozen=True, slots=True)
class Shape:
    """What of each resource is wanted: a mode of `_summary`, or the names of `_elements`."""

    mode: str = "false"
    elements: frozenset[str] = frozenset()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out of a resource."""
        return not self.elements and self.mode in ("false", "count")


def shaped(handler: Handler) -> Handler:
    """Return the handler of one resource that also understands `_summary` and `_elements`."""

    @wraps(handler)
    def shape(context: Context, request: Request) -> Reply:
        wanted = _asked(context, request)
        if wanted is None:
            return handler(context, request)
        if wanted.mode == "count":
            raise refuse(
                "illegal-parameter-value", "`_summary=count` counts: it is for searches and histories."
            )
        reply = handler(context, request)
        if wanted.is_whole or reply.status != 200:
            return reply
        shortened = _shortened(context, exact_json.decode(reply.body), wanted)
        return replace(reply, body=exact_json.encode(shortened))

    return shape


def shaped_bundle(handler: Handler) -> Handler:
    """Return the handler of a searchset or history whose resources `_summary` and `_elements` shorten."""

    @wraps(handler)
    def shape(context: Context, request: Request) -> Reply:
        wanted = _asked(context, request)
        reply = handler(context, request)
        if wanted is None or wanted.is_whole or reply.status != 200:
            return reply
        bundle = exact_json.decode(reply.body)
        for entry in bundle.get("entry", ()):
            if "resource" in entry and entry.get("search", {}).get("mode") != "outcome":
                entry["resource"] = _shortened(context, entry["resource"], wanted)
        return replace(reply, body=exact_json.encode(bundle))

    return shape


def _asked(context: Context, request: Request) -> Shape | None:
    """Return what is asked, None where nothing is said of it."""
    if not request.query or not any(name in NAMES for name, _ in request.query):
        return None
    shape = Shape()
    for name, value in request.query:
        if name == SUMMARY:
            if value not in MODES:
                raise refuse("illegal-parameter-value", f"`{SUMMARY}` needs one of {', '.join(MODES)}.")
            shape = replace(shape, mode=value)
        elif name == ELEMENTS:
            names = frozenset(each.strip() for each in value.split(",") if each.strip())
            shape = replace(shape, elements=shape.elements | names)
    if shape.elements and shape.mode != "false":
        text = f"`{ELEMENTS}` goes with `{SUMMARY}=false` alone: each of them says what is left out."
        raise refuse("illegal-parameter-value", text)
    if len(shape.elements) > MAX_ELEMENTS:
        raise refuse("too-costly", f"`{ELEMENTS}` takes at most {MAX_ELEMENTS} names.")
    if request.prefer.strict and request.resource_type:
        _refuse_unknown(context, request.resource_type, shape)
    return shape


def _refuse_unknown(context: Context, resource_type: str, shape: Shape) -> None:
    if not all(context.subsets.knows(resource_type, name) for name in shape.elements):
        raise _unknown(resource_type)


def _unknown(resource_type: str) -> FhirError:
    text = f"`{ELEMENTS}` names what is no element of the top level of {resource_type}."
    return refuse("unknown-parameter", text)


def _shortened(context: Context, resource: dict[str, Any], wanted: Shape) -> dict[str, Any]:
    if wanted.elements:
        return context.subsets.elements(resource, wanted.elements)
    return _BY_MODE[wanted.mode](context, resource)


_BY_MODE: dict[str, Callable[[Context, dict[str, Any]], dict[str, Any]]] = {
    "true": lambda context, resource: context.subsets.summary(resource),
    "text": lambda context, resource: context.subsets.text(resource),
    "data": lambda context, resource: context.subsets.data(resource),
}
