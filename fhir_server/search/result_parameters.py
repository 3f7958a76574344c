"""Parameters that shape the answer and do not select: `_count`, `_sort`, `_summary`, `_total` …

Spec: https://hl7.org/fhir/R4/search.html#return
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Order, SortBy
from fhir_server.search.catalogue import Catalogue

DEFAULT_COUNT, MAX_COUNT = 20, 500
CURSOR = "_cursor"
"""The parameter of our own that next links carry; see `search.cursor`."""

Total = Literal["none", "estimate", "accurate"]


@dataclass(frozen=True, slots=True)
class Page:
    """How the answer is wanted.  `total=None`: the client did not say."""

    count: int = DEFAULT_COUNT
    order: Order | None = None
    summary_count: bool = False
    total: Total | None = None
    cursor: str | None = None

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
        raise refuse("illegal-parameter-value", f"`_count` needs a whole number from 0 to {MAX_COUNT}.")
    return replace(page, count=min(int(value), MAX_COUNT))


def _total(_catalogue: Catalogue, _resource_type: str, page: Page, value: str) -> Page:
    match value:
        case "none" | "estimate" | "accurate":
            return replace(page, total=value)
    raise refuse("illegal-parameter-value", "`_total` needs `none`, `estimate` or `accurate`.")


def _summary(_catalogue: Catalogue, _resource_type: str, page: Page, value: str) -> Page:
    match value:
        case "count":
            return replace(page, summary_count=True)
        case "false" | "true" | "text" | "data":
            return page
    raise refuse("illegal-parameter-value", "`_summary` needs `count`, `true`, `text`, `data` or `false`.")


def _sort(catalogue: Catalogue, resource_type: str, page: Page, value: str) -> Page:
    keys = [key for key in value.split(",") if key]
    first = _order(catalogue, resource_type, keys[0] if keys else "")
    # Ties are in the order of the update already.
    for key in keys[1:]:
        if key.lstrip("-") != "_lastUpdated" or key.startswith("-") != first.descending:
            raise _not_sortable(catalogue, resource_type)
    return replace(page, order=first)


def _order(catalogue: Catalogue, resource_type: str, key: str) -> Order:
    code = key.removeprefix("-")
    descending = key.startswith("-")
    if code == "_lastUpdated":
        return Order(SortBy.UPDATED, descending)
    if code in sortable(catalogue, resource_type):
        return Order(SortBy.DATE, descending)
    raise _not_sortable(catalogue, resource_type)


def sortable(catalogue: Catalogue, resource_type: str) -> frozenset[str]:
    """Return the codes of the date parameters that pages of a type can be ordered by."""
    parameters = catalogue.of(resource_type).by_code
    return frozenset(code for code, parameter in parameters.items() if parameter.sorts)


def _not_sortable(catalogue: Catalogue, resource_type: str) -> Exception:
    names = ", ".join(f"`{code}`" for code in sorted((*sortable(catalogue, resource_type), "_lastUpdated")))
    return refuse(
        "illegal-parameter-value",
        f"`_sort`: {resource_type} can be ordered by one of {names}, with `-` before it for newest first; "
        "only `_lastUpdated` in the same direction may follow.",
    )


def _cursor(_catalogue: Catalogue, _resource_type: str, page: Page, value: str) -> Page:
    return replace(page, cursor=value)


def _form(_catalogue: Catalogue, _resource_type: str, page: Page, _value: str) -> Page:
    return page


def _unsupported(_catalogue: Catalogue, _resource_type: str, _page: Page, _value: str) -> None:
    return None


RESULT_PARAMETERS: Mapping[str, Callable[[Catalogue, str, Page, str], Page | None]] = {
    "_count": _count,
    "_sort": _sort,
    "_summary": _summary,
    "_total": _total,
    CURSOR: _cursor,
    "_format": _form,
    "_pretty": _form,
    "_elements": _form,
    "_include": _unsupported,
    "_revinclude": _unsupported,
    "_contained": _unsupported,
    "_containedType": _unsupported,
}
