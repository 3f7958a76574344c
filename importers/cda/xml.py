"""Reach into a document: children and attributes by short names, places as XPath.

A name without prefix is of CDA itself (`urn:hl7-org:v3`), whatever prefix the document uses; the others have
the prefixes of `PREFIXES`.  A document that was read has elements only, no comments and no instructions.
Nothing here evaluates XPath: on thousands of nodes that is too slow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache, wraps
from types import MappingProxyType
from typing import Any, Final, TypeVar

from lxml import etree

Element = etree._Element
Found = TypeVar("Found")

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


_NO_CHILDREN: Final[Mapping[str, list[Element]]] = MappingProxyType({})
_UNASKED: Final = object()


class Node(etree.ElementBase):
    """An element that remembers its children by name and what was found out about it.

    lxml makes a new object of an element where no other of it is left: whoever reads a document holds on to
    all of its nodes, and changes none of them.
    """

    __slots__ = ("answers", "by_tag")
    answers: dict[Any, Any]
    by_tag: Mapping[str, list[Element]]


def once(find: Callable[[Element], Found]) -> Callable[[Element], Found]:
    """Make a question about an element of a document be asked once only; the element keeps the answer."""

    @wraps(find)
    def ask(node: Element) -> Found:
        answers: dict[Any, Any] | None = getattr(node, "answers", None)
        if answers is None:
            if not isinstance(node, Node):
                return find(node)
            answers = node.answers = {}
        found: Any = answers.get(find, _UNASKED)
        if found is _UNASKED:
            found = answers[find] = find(node)
        answer: Found = found
        return answer

    return ask


def by_tag(node: Element) -> Mapping[str, list[Element]]:
    """Return qualified name → the children of that name, in the order of the document."""
    known: Mapping[str, list[Element]] | None = getattr(node, "by_tag", None)
    if known is not None:
        return known
    found: dict[str, list[Element]] = {}
    for each in node if len(node) else ():
        tag = each.tag
        if tag in found:
            found[tag].append(each)
        else:
            found[tag] = [each]
    known = found or _NO_CHILDREN
    if isinstance(node, Node):
        node.by_tag = known
    return known


@cache
def tag_of(name: str) -> str:
    """Return the qualified name of `code` or `sdtc:birthTime` as lxml writes it."""
    prefix, colon, local = name.rpartition(":")
    return f"{{{PREFIXES[prefix] if colon else V3}}}{local}"


def child(node: Element, name: str) -> Element | None:
    """Return the first child of that name, None if there is none."""
    # Most are of `Node`, and were asked before: the call is spared.
    known: Mapping[str, list[Element]] | None = getattr(node, "by_tag", None)
    found = (by_tag(node) if known is None else known).get(tag_of(name))
    return None if found is None else found[0]


def children(node: Element, *names: str) -> list[Element]:
    """Return the children of these names in the order of the document; of any name if none is given."""
    if not names:
        return list(node)
    known = by_tag(node)
    if len(names) == 1:
        return list(known.get(tag_of(names[0]), ()))
    tags = _tags(names)
    met = [tag for tag in tags if tag in known]
    return list(known[met[0]]) if len(met) == 1 else list(node.iterchildren(*tags)) if met else []


def path(node: Element, steps: str) -> Element | None:
    """Return the first element at `a/b/c` below a node, None if there is none; every branch is tried."""
    return next(every(node, steps), None)


def every(node: Element, steps: str) -> Iterator[Element]:
    """Yield all elements at `a/b/c` below a node, in the order of the document."""
    first, slash, rest = steps.partition("/")
    for found in by_tag(node).get(tag_of(first), ()):
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
    words = node.text or ""
    if len(node):
        words = "".join([words, *(each.tail or "" for each in node)])
    return " ".join(words.split())


def steps_beside(parent: Element, node: Element) -> Iterator[tuple[Element, str]]:
    """Yield a child and those of its name, each with its XPath step; the only one of a name has no number."""
    same, step = by_tag(parent)[node.tag], step_of(node.tag)
    if len(same) == 1:
        yield node, step
    else:
        for number, each in enumerate(same, 1):
            yield each, f"{step}[{number}]"


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
