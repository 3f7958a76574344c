"""The text of a resource, read as far as sending it needs: JSON and XML give the same tree."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, TypeGuard

from fhir_server.commands.loading.inputs import Text
from fhir_server.http.xml.reader import XmlReader
from fhir_server.http.xml.shapes import Shapes
from fhir_server.model import exact_json
from profiles.load import load_registry

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {"json": "application/fhir+json", "xml": "application/fhir+xml"}
)
"""By the form of a text."""


def read_tree(text: Text) -> Any:
    """Return the tree of a text, every literal kept.  Raises FhirError with the place in the text."""
    return exact_json.decode(text.data) if text.form == "json" else _xml_reader().read(text.data)


def is_resource(tree: Any) -> TypeGuard[dict[str, Any]]:
    """Return whether a tree says of itself which type of resource it is."""
    return isinstance(tree, dict) and isinstance(tree.get("resourceType"), str)


@cache
def _xml_reader() -> XmlReader:
    """Return the reader for XML; made once, since it needs the definitions of R4 core."""
    return XmlReader(Shapes(load_registry()))
