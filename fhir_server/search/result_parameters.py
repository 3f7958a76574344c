"""Parameters that shape the answer and do not select: `_count`, `_sort`, `_summary`, `_total` …

Spec: https://hl7.org/fhir/R4/search.html#return
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Order
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.includes import Include, read_include
from fhir_server.search.sorting import order_of

DEFAULT_COUNT = 20
CURSOR = "_cursor"
"""The parameter of our own that next links carry; see `search.cursor`."""

EXPLAIN = "_explain"
"""The parameter of our own that asks how the page was found."""

RELATED = "_related"
"""The parameter of our own that related links carry: a cursor to further includes of one page."""
INCLUDES = ("_include", "_include:iterate", "_revinclude", "_revinclude:iterate")

SAID_ONCE = frozenset({"_count", "_sort", "_summary", "_total"})
"""Parameters of which the last one counts."""

Total = Literal["none", "estimate", "accurate"]
Reader = Callable[[Catalogue, str, "Page", str], "Page | None"]
"""(catalogue, type, page, value) → the page with the parameter applied, None where that is not supported."""


@dataclass(frozen=True, slots=True)
class Page:
    """How the answer is wanted.  `total=None`: the client did not say."""

    count: int = DEFAULT_COUNT
    order: Order | None = None
    summary_count: bool = False
    total: Total | None = None
    cursor: str | None = None
    explained: bool = False
    includes: tuple[Include, ...] = ()
    related: str | None = None
    """Where the rest of the includes of a page begins; see `RELATED`."""

    @property
    def only_total(self) -> bool:
        """Whether no entries are wanted (`_summary=count` or `_count=0`)."""
        return self.summary_count or self.count == 0


DEFAULT_PAGE = Page()


def read_result(catalogue: Catalogue, resource_type: str, page: Page, name: str, value: str) -> Page | None:
    """Return the page with one more parameter applied; None where that parameter is not supported.

    Raises FhirError `illegal-parameter-value`.
    """
    return RESULT_PARAMETERS[name](catalogue, resource_type, page, value)


def _count(_catalogue: Catalogue, _resource_type: str, page: Page, value: str) -> Page:
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise refuse("illegal-parameter-value", "`_count` needs a whole number, 0 or more.")
    return replace(page, count=int(value))


def _total(_catalogue: Catalogue, _resource_type: str, page: Page, value: str) -> Page:
    match value:
        case "none" | "estimate" | "accurate":
            return replace(page, total=value)
    raise refuse("illegal-parameter-value", "`_total` needs `none`, `estimate` or `accurate`.")


def _summary(_catalogue: Catalogue, _resource_type: str, page: Page, value: str) -> Page:
    match value:
        case "count" | "false" | "true" | "text" | "data":
            return replace(page, summary_count=value == "count")
    raise refuse("illegal-parameter-value", "`_summary` needs `count`, `true`, `text`, `data` or `false`.")


def _sort(catalogue: Catalogue, resource_type: str, page: Page, value: str) -> Page:
    return replace(page, order=order_of(catalogue, resource_type, value))


def _cursor(_catalogue: Catalogue, _resource_type: str, page: Page, value: str) -> Page:
    return replace(page, cursor=value)


def _related(_catalogue: Catalogue, _resource_type: str, page: Page, value: str) -> Page:
    return replace(page, related=value)


def _reads_include(name: str) -> Reader:
    def read(catalogue: Catalogue, resource_type: str, page: Page, value: str) -> Page | None:
        found = read_include(catalogue, resource_type, name, value)
        if found is None or found in page.includes:
            return None if found is None else page
        return replace(page, includes=(*page.includes, found))

    return read


def _form(_catalogue: Catalogue, _resource_type: str, page: Page, _value: str) -> Page:
    return page


def _contained(_catalogue: Catalogue, _resource_type: str, page: Page, value: str) -> Page:
    if value != "false":
        raise refuse(
            "illegal-parameter-value",
            "`_contained` takes `false` alone: contained resources are found through what contains them.",
        )
    return page


def _contained_type(_catalogue: Catalogue, _resource_type: str, page: Page, value: str) -> Page:
    if value not in ("container", "contained"):
        raise refuse("illegal-parameter-value", "`_containedType` needs `container` or `contained`.")
    return page


def _explain(_catalogue: Catalogue, _resource_type: str, page: Page, value: str) -> Page:
    if value not in ("true", "false"):
        raise refuse("illegal-parameter-value", f"`{EXPLAIN}` needs `true` or `false`.")
    return replace(page, explained=value == "true")


def _unsupported(_catalogue: Catalogue, _resource_type: str, _page: Page, _value: str) -> None:
    return None


RESULT_PARAMETERS: Mapping[str, Reader] = {
    "_count": _count,
    "_sort": _sort,
    "_summary": _summary,
    "_total": _total,
    CURSOR: _cursor,
    RELATED: _related,
    "_format": _form,
    "_pretty": _form,
    "_elements": _form,
    **{name: _reads_include(name) for name in INCLUDES},
    "_contained": _contained,
    "_containedType": _contained_type,
    EXPLAIN: _explain,
}
