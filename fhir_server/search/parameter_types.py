"""The table of all parameter types by name."""

from __future__ import annotations

from collections.abc import Mapping

from fhir_server.search.filter_expression import FILTER, filter_type
from fhir_server.search.parameter import Parameter
from fhir_server.search.parameter_type import ParameterType
from fhir_server.search.types import (
    composite,
    date,
    document,
    near,
    number,
    quantity,
    reference,
    string,
    token_modifiers,
    uri,
    words,
)
from fhir_server.search.words import CONTENT, TEXT

TYPES: Mapping[str, ParameterType] = {
    module.TYPE.name: module.TYPE
    for module in (composite, date, near, number, quantity, reference, string, token_modifiers, uri)
}

DOCUMENT: Mapping[str, ParameterType] = {
    "_id": document.ID,
    "_lastUpdated": document.UPDATED,
    TEXT: words.TYPE,
    CONTENT: words.TYPE,
    FILTER: filter_type(lambda parameter: type_of(parameter)),
}
"""Parameters with a type of their own, by code."""


def type_of(parameter: Parameter) -> ParameterType:
    """Return the functions that a parameter is read and bound with."""
    return DOCUMENT.get(parameter.code) or TYPES[parameter.type]
