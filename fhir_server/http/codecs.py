"""The formats at work: from bytes to the exact tree, and from exact JSON text to bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.http import formats
from fhir_server.http.formats import Format
from fhir_server.http.xml.patch_reader import XmlPatchReader
from fhir_server.http.xml.reader import XmlReader
from fhir_server.http.xml.shapes import Shapes
from fhir_server.http.xml.writer import XmlWriter
from fhir_server.interactions.patching.patches import (
    JSON_PATCH,
    FhirPathPatches,
    Patches,
    read_json_patch,
)
from fhir_server.model import exact_json
from fhir_server.model.exact_json import MAX_DEPTH, depth_of
from fhir_server.model.outcome import refuse
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel

XML_PATCH = "application/xml-patch+xml"


@dataclass(frozen=True, slots=True)
class Codec:
    """How one format is read and written.

    `decode` makes the tree of a body; `encode` writes what an exact JSON text says, `pretty` with an indent.
    All raise FhirError: the first for what is no resource, the others `not-acceptable` for what the format
    cannot say.
    """

    decode: Callable[[bytes], Any]
    encode: Callable[[bytes], bytes]
    pretty: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Codecs:
    """The codecs of one Registry's types, and the patches that are described in them."""

    by_name: Mapping[str, Codec]
    patches: Patches

    def of(self, known: Format) -> Codec:
        """Return the codec of a format."""
        return self.by_name[known.name]


def codecs_of(registry: Registry, validator: StructureValidator) -> Codecs:
    """Return the codecs of every format that `formats` names."""
    shapes = Shapes(registry)
    reader, writer = XmlReader(shapes), XmlWriter(shapes)
    xml = Codec(
        decode=lambda data: _bounded(reader.read(data)),
        encode=lambda text: writer.write(_tree(text)),
        pretty=lambda text: writer.write(_tree(text), pretty=True),
    )
    fhirpath = FhirPathPatches(RegistryTypeModel(registry), validator)
    readers = {
        formats.JSON.declared[0]: fhirpath.reader(exact_json.decode),
        formats.XML.declared[0]: fhirpath.reader(xml.decode),
        JSON_PATCH: read_json_patch,
        XML_PATCH: XmlPatchReader(reader, writer).read,
    }
    return Codecs({formats.JSON.name: JSON, formats.XML.name: xml}, Patches(fhirpath, readers))


def _bounded(tree: Any) -> Any:
    """Return the tree of an XML body if it may be nested so deep: XML has fewer levels than JSON."""
    if depth_of(tree) > MAX_DEPTH:
        raise refuse("too-deep", f"As JSON the resource is nested more than {MAX_DEPTH} deep.")
    return tree


def _tree(text: bytes) -> Any:
    # An answer can be a Bundle around resources that are as deep as they may be.
    return exact_json.decode(text, max_depth=2 * MAX_DEPTH)


def _as_is(text: bytes) -> bytes:
    return text


JSON = Codec(exact_json.decode, _as_is, exact_json.indented)
