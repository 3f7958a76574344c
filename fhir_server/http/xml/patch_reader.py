"""XML Patch as the PATCH interaction takes it: from a resource tree to a resource tree.

Spec: https://hl7.org/fhir/R4/http.html#patch
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from fhir_server.http.xml.document import root_of, text_of
from fhir_server.http.xml.patch import apply_xml_patch
from fhir_server.http.xml.reader import FHIR, XmlReader
from fhir_server.http.xml.writer import XmlWriter, narrative_as_xml

Tree = dict[str, Any]
DIV = "div"


class XmlPatchReader:
    """Reads patches for the resources of one Registry's types."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, reader: XmlReader, writer: XmlWriter) -> None:
        self._reader = reader
        self._writer = writer

    def read(self, data: bytes) -> Callable[[Tree], Tree]:
        """Return the patch of a document.

        Reading and applying raise FhirError: those of a document, `malformed-patch`, `patch-failed`, and
        those of an XML resource where the patch leaves something that is none.
        """
        described = root_of(text_of(data))

        def patch(tree: Tree) -> Tree:
            root = root_of(self._writer.write(tree).decode("utf-8"))
            result = self._reader.read(_serialised(apply_xml_patch(root, described)))
            _keep_narratives(tree, result)
            return result

        return patch


def _serialised(root: Any) -> bytes:
    written: bytes = etree.tostring(root, encoding="utf-8", with_tail=False)
    return written


def _keep_narratives(before: Tree, after: Tree) -> None:
    """Give narratives that the patch did not touch their own characters back, which lxml writes its way."""
    known = {_as_parsed(div): div for node in _with_narrative(before) for div in [node[DIV]]}
    for node in _with_narrative(after):
        node[DIV] = known.get(node[DIV], node[DIV])


def _as_parsed(div: str) -> str:
    root = root_of(f'<text xmlns="{FHIR}">{narrative_as_xml(div)}</text>')
    written: str = etree.tostring(root[0], encoding="unicode", with_tail=False)
    return written


def _with_narrative(tree: Any) -> Iterator[Tree]:
    if isinstance(tree, dict):
        if isinstance(tree.get(DIV), str):
            yield tree
        for value in tree.values():
            yield from _with_narrative(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from _with_narrative(item)
