"""Reach into a document: children and attributes by short names, places as XPath.

A name without prefix is of CDA itself (`urn:hl7-org:v3`), whatever prefix the document uses; the others have
the prefixes of `PREFIXES`.  A document that was read has elements only, no comments and no instructions.
Nothing here evaluates XPath: on thousands of nodes that is too slow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

from lxml import etree

Element = etree._Element

V3: Final = "urn:hl7-org:v3"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XSI_TYPE: Final = f"{{{XSI}}}type"
PREFIXES: Final[Mapping[str, str]] = MappingProxyType({
    "sdtc": "urn:hl7-org:sdtc",
    "pharm": "urn:ihe:pharm:medication",
    "hl7pharm": "urn:hl7-org:pharm",
    "epsos": "urn:epsos-org:ep:medication",
    "lab": "urn:oid:1.3.6.1.4.1.19376.1.3.2",
    "ps3": "urn:dicom-org:ps3-20",
    "xsl": "http://www.w3.org/1999/XSL/Transform",
    "xsi": XSI,
})  # fmt: skip
"""Prefix → namespace, the same in every document; `PREFIX_OF` is the way back."""
PREFIX_OF: Final[Mapping[str, str]] = MappingProxyType({name: prefix for prefix, name in PREFIXES.items()})


@cache
def tag_of(name: str) -> str:
    """Return the qualified name of `code` or `sdtc:birthTime` as lxml writes it."""
    prefix, colon, local = name.rpartition(":")
    return f"{{{PREFIXES[prefix] if colon else V3}}}{local}"


def child(node: Element, name: str) -> Element | None:
    """Return the first child of that name, None if there is none."""
    return next(node.iterchildren(tag_of(name)), None)


def children(node: Element, *names: str) -> list[Element]:
    """Return the children of these names in the order of the document; of any name if none is given."""
    return list(node.iterchildren(*_tags(names)) if names else node)


def path(node: Element, steps: str) -> Element | None:
    """Return the first element at `a/b/c` below a node, None if there is none; every branch is tried."""
    return next(every(node, steps), None)


def every(node: Element, steps: str) -> Iterator[Element]:
    """Yield all elements at `a/b/c` below a node, in the order of the document."""
    first, slash, rest = steps.partition("/")
    for found in node.iterchildren(tag_of(first)):
        if slash:
            yield from every(found, rest)
        else:
            yield found


def attr(node: Element | None, name: str) -> str | None:
    """Return an attribute without blanks around it; None if it is absent or empty."""
    if node is None:
        return None
    value = node.get(name if ":" not in name else tag_of(name))
    return (value.strip() or None) if value is not None else None


def local(node: Element) -> str:
    """Return the name of an element without its namespace."""
    return _split(node.tag)[1]


def namespace(node: Element) -> str:
    """Return the namespace of an element, empty if it has none."""
    return _split(node.tag)[0]


def own_words(node: Element) -> str:
    """Return the text of an element itself, without that of its children, blanks collapsed."""
    pieces = [node.text or "", *(each.tail or "" for each in node)]
    return " ".join("".join(pieces).split())


def numbered(parent: Element) -> Iterator[tuple[Element, str]]:
    """Yield each child with its XPath step, `observation[2]`; an only child of its name has no number."""
    found = [(each, each.tag) for each in parent]
    sizes = Counter(tag for _, tag in found)
    seen = dict.fromkeys(sizes, 0)
    for each, tag in found:
        if sizes[tag] == 1:
            yield each, step_of(tag)
        else:
            seen[tag] += 1
            yield each, f"{step_of(tag)}[{seen[tag]}]"


@cache
def _tags(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(tag_of, names))


@lru_cache(maxsize=4096)
def step_of(tag: str) -> str:
    """Return the XPath step of a qualified name; a namespace without prefix here is written in full."""
    space, name = _split(tag)
    if space == V3:
        return name
    prefix = PREFIX_OF.get(space)
    if prefix is not None:
        return f"{prefix}:{name}"
    return f"*[local-name()='{name}' and namespace-uri()='{space}']"


@lru_cache(maxsize=4096)
def _split(tag: str) -> tuple[str, str]:
    space, brace, name = tag.rpartition("}")
    return (space[1:] if brace else ""), name
