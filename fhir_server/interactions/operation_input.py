"""What an operation is called with: a query of simple values, a Parameters resource, or a resource alone.

Spec: https://hl7.org/fhir/R4/operations.html#request
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_server.interactions.context import Context
from fhir_server.interactions.incoming import check_structure
from fhir_server.interactions.request import Request
from fhir_server.model import own
from fhir_server.model.outcome import FhirError, refuse
from profiles.definitions import OperationDefinition, OperationParameter

PARAMETERS = "Parameters"
FORMS = frozenset({"_format", "_pretty"})
INPUT = "Parameters.parameter"


def read_input(context: Context, request: Request, definition: str) -> Mapping[str, list[Any]]:
    """Return the values of each parameter that was given: texts, trees of datatypes, or resources.

    `definition` is the canonical of the OperationDefinition; that of one of ours may be relative to our base.
    A resource that is sent alone is the parameter of the type `Resource`; it is not validated here.
    Raises FhirError `unknown-parameter`, `illegal-parameter-value`, `missing-element`, and those of the
    structure of a Parameters resource.
    """
    operation = context.registry.operations[own.absolute(context.canonical_base, definition)]
    known = {parameter.name: parameter for parameter in operation.parameters if parameter.use == "in"}
    values: dict[str, list[Any]] = {}
    for name, text in request.query:
        if name not in FORMS:
            values.setdefault(_of_query(known, name).name, []).append(text)
    alone = next((one.name for one in known.values() if one.type == "Resource"), None)
    body = request.body
    if body is not None and alone is not None and not _is_call(body, known):
        values.setdefault(alone, []).append(body)
    elif body is not None:
        _read_body(context, body, known, values)
    _check_numbers(operation, values)
    return values


def parameters_of(name: str, value_key: str, value: Any) -> dict[str, Any]:
    """Return the Parameters resource of one result."""
    return {"resourceType": PARAMETERS, "parameter": [{"name": name, value_key: value}]}


def _is_call(body: Any, known: Mapping[str, OperationParameter]) -> bool:
    """Whether a body is a Parameters resource that calls, rather than one that is to be looked at."""
    if not isinstance(body, dict) or body.get("resourceType") != PARAMETERS:
        return False
    given = body.get("parameter", [])
    return isinstance(given, list) and all(
        isinstance(one, dict) and one.get("name") in known for one in given
    )


def _of_query(known: Mapping[str, OperationParameter], name: str) -> OperationParameter:
    parameter = known.get(name)
    if parameter is None:
        raise _unknown(known)
    if parameter.type is None or not parameter.type[0].islower():
        text = f"`{name}` is no simple value: send it in a Parameters resource by POST."
        raise refuse("illegal-parameter-value", text)
    return parameter


def _read_body(
    context: Context, body: Any, known: Mapping[str, OperationParameter], values: dict[str, list[Any]]
) -> None:
    check_structure(context, _without_resources(body, known), PARAMETERS)
    for position, given in enumerate(body.get("parameter", ())):
        place = f"{INPUT}[{position}]"
        parameter = known.get(given["name"])
        if parameter is None:
            raise _unknown(known, f"{place}.name")
        key = "resource" if parameter.type == "Resource" else f"value{_capital(parameter.type or '')}"
        if key not in given:
            text = f"`{parameter.name}` needs a {parameter.type}."
            raise refuse("illegal-parameter-value", text, place)
        values.setdefault(parameter.name, []).append(given[key])


def _without_resources(body: Any, known: Mapping[str, OperationParameter]) -> Any:
    """What is wrong within a resource is not a wrong call."""
    given = body.get("parameter") if isinstance(body, dict) else None
    if not isinstance(given, list):
        return body
    names = {name for name, parameter in known.items() if parameter.type == "Resource"}
    bare = [
        {key: value for key, value in one.items() if key != "resource"}
        if isinstance(one, dict) and one.get("name") in names
        else one
        for one in given
    ]
    return {**body, "parameter": bare}


def _check_numbers(operation: OperationDefinition, values: Mapping[str, list[Any]]) -> None:
    for parameter in operation.parameters:
        if parameter.use != "in":
            continue
        count = len(values.get(parameter.name, ()))
        if count < parameter.min:
            raise refuse(
                "missing-element", f"${operation.code} needs the parameter `{parameter.name}`.", INPUT
            )
        if parameter.max is not None and count > parameter.max:
            text = f"${operation.code} takes `{parameter.name}` at most {parameter.max} times."
            raise refuse("illegal-parameter-value", text, INPUT)


def _unknown(known: Mapping[str, OperationParameter], place: str | None = None) -> FhirError:
    names = ", ".join(sorted(known)) or "none"
    return refuse("unknown-parameter", f"This operation has no such parameter. It has: {names}.", place)


def _capital(type_name: str) -> str:
    return type_name[:1].upper() + type_name[1:]
