"""A search request: query pairs read against the parameters of a type, refused or reported where needed.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.plan import Order
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.escape import split_unescaped
from fhir_server.search.parameter import Filter, Parameter, Reading
from fhir_server.search.parameter_types import type_of
from fhir_server.search.result_parameters import DEFAULT_PAGE, RESULT_PARAMETERS, Page, read_result

MAX_VALUES = 200
MAX_VALUE_CHARACTERS = 10_000
MAX_FILTERS = 100
MISSING = "missing"

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is asked of one type.

    `filters` all hold.  `criteria` are the pairs that they came from; `used` are these and the result
    parameters that were understood, in the order of the query, for the self link; `ignored` are the names of
    what was not understood.
    """

    resource_type: str
    filters: tuple[Filter, ...] = ()
    criteria: tuple[Pair, ...] = ()
    used: tuple[Pair, ...] = ()
    ignored: tuple[str, ...] = ()
    page: Page = DEFAULT_PAGE

    @property
    def key(self) -> str:
        """Digest of the criteria alone, hexadecimal: equal for requests that say the same."""
        return hashlib.sha256(_normalised(self, with_order=False)).hexdigest()

    @property
    def count(self) -> int:
        """Resources on a page; 0 asks for the total only."""
        return self.page.count

    @property
    def order(self) -> Order | None:
        """The order that was asked for; None leaves it to the planner."""
        return self.page.order


def parse(
    catalogue: Catalogue, resource_type: str, pairs: Iterable[Pair], *, now: datetime, strict: bool = False
) -> SearchRequest:
    """Read percent-decoded query pairs.

    `now` (aware) is what `ap` is relative to.  Unknown parameters are ignored and listed, or refused when
    `strict`.  Raises FhirError `unknown-type`, `unknown-parameter`, `unsupported-modifier`,
    `illegal-parameter-value`.
    """
    if resource_type not in catalogue.registry.resource_types:
        raise refuse("unknown-type", f"`{resource_type}` is not a resource type of FHIR R4.")
    reading = Reading(
        catalogue.setting.base_url, catalogue.setting.zone, now=now, concepts=catalogue.concepts
    )  # fmt: skip
    filters: list[Filter] = []
    criteria, used, ignored = list[Pair](), list[Pair](), dict[str, None]()
    page = DEFAULT_PAGE
    for name, value in pairs:
        read: Page | Filter | None
        if name in RESULT_PARAMETERS:
            read = read_result(catalogue, resource_type, page, name, value)
        else:
            read = _filter(catalogue, resource_type, name, value, reading)
        if read is None:
            if strict:
                raise _unknown(catalogue, resource_type, name)
            ignored[name] = None
            continue
        used.append((name, value))
        if isinstance(read, Page):
            page = read
        else:
            filters.append(read)
            criteria.append((name, value))
    if len(filters) > MAX_FILTERS:
        raise refuse("too-costly", f"A search takes at most {MAX_FILTERS} parameters.")
    return SearchRequest(resource_type, tuple(filters), tuple(criteria), tuple(used), tuple(ignored), page)


def query_digest(request: SearchRequest) -> bytes:
    """Return 32 bytes that stand for what is searched and in which order, but not for the page size."""
    return hashlib.sha256(_normalised(request, with_order=True)).digest()


def _normalised(request: SearchRequest, *, with_order: bool) -> bytes:
    pairs = sorted((name, sorted(split_unescaped(value, ","))) for name, value in request.criteria)
    order = request.order
    ordered = [order.by.value, order.descending] if with_order and order is not None else None
    return json.dumps([request.resource_type, pairs, ordered], ensure_ascii=True).encode()


def _filter(
    catalogue: Catalogue, resource_type: str, name: str, value: str, reading: Reading
) -> Filter | None:
    code, colon, modifier = name.partition(":")
    if code == "_has" or "." in name:
        raise refuse("unsupported-modifier", f"`{_plain(name)}`: chained search is not supported.")
    parameter = catalogue.parameter(resource_type, code)
    if parameter is None or not value:
        return None
    if len(value) > MAX_VALUE_CHARACTERS:
        raise refuse("illegal-parameter-value", f"`{code}` takes at most {MAX_VALUE_CHARACTERS} characters.")
    if "\x00" in value:
        raise refuse("illegal-parameter-value", f"`{code}` holds a character that no FHIR text has (U+0000).")
    known = _modifier(parameter, modifier) if colon else None
    if known == MISSING:
        return Filter(parameter, MISSING, (_boolean(code, value),))
    texts = split_unescaped(value, ",")
    if len(texts) > MAX_VALUES:
        raise refuse("too-costly", f"`{code}` takes at most {MAX_VALUES} values joined by commas.")
    read = type_of(parameter).read
    values = [read(parameter, known, text, reading) for text in texts if text]
    return Filter(parameter, known, tuple(_distinct(values))) if values else None


def _distinct(values: Iterable[Any]) -> Iterable[Any]:
    return dict.fromkeys(values)


def _modifier(parameter: Parameter, modifier: str) -> str:
    kind = type_of(parameter)
    supported = set(kind.modifiers)
    if kind.present is not None and (parameter.sources or parameter.computed is not None):
        supported.add(MISSING)
    if parameter.type == "reference":
        supported.update([parameter.restrict] if parameter.restrict is not None else parameter.targets)
    if modifier in supported:
        return modifier
    listed = ", ".join(f":{name}" for name in sorted(supported)) or "none"
    raise refuse(
        "unsupported-modifier",
        f"`{parameter.code}` does not support the modifier `:{_plain(modifier)}`. Supported: {listed}.",
    )


def _boolean(code: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise refuse("illegal-parameter-value", f"`{code}:{MISSING}` needs `true` or `false`.")
    return value == "true"


def _unknown(catalogue: Catalogue, resource_type: str, name: str) -> FhirError:
    code = name.partition(":")[0]
    why = catalogue.of(resource_type).unsupported.get(code)
    if catalogue.parameter(resource_type, code) is not None:
        return refuse("illegal-parameter-value", f"`{_plain(name)}` has no value.")
    known = ", ".join(sorted(catalogue.of(resource_type).by_code))
    text = f"`{_plain(name)}` is not a search parameter that {resource_type} supports here"
    return refuse("unknown-parameter", f"{text}{f' ({why})' if why else ''}. Supported: {known}.")


def _plain(name: str) -> str:
    # The name is echoed: short, and without what could be taken for markup.
    return "".join(character for character in name[:60] if character.isalnum() or character in "-_.:")
