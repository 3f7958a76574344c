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
from fhir_server.search.hops import HAS, Hop, is_hop, plain, read_hop
from fhir_server.search.includes import MAX_INCLUDES, unknown_include
from fhir_server.search.lists import LIST, as_members
from fhir_server.search.pairing import Pairing
from fhir_server.search.parameter import Filter, Parameter, Reading
from fhir_server.search.parameter_types import type_of
from fhir_server.search.result_parameters import (
    DEFAULT_PAGE,
    INCLUDES,
    RESULT_PARAMETERS,
    SAID_ONCE,
    Page,
    read_result,
)
from fhir_server.search.sorting import spelled
from fhir_server.search.weight import check_weight

MAX_VALUES = 200
MAX_VALUE_CHARACTERS = 10_000
MAX_FILTERS = 100
MAX_ENDS = 40
"""Queries that the chains of one search may cost at their ends."""
MISSING = "missing"

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is asked of one type.

    `filters` all hold, and so do `hops`.  `criteria` are the pairs that they came from; `used` are these and
    the result parameters that were understood, in the order of the query, for the self link; `ignored` are
    the names of what was not understood, of which `valueless` said nothing.
    """

    resource_type: str
    filters: tuple[Filter, ...] = ()
    criteria: tuple[Pair, ...] = ()
    used: tuple[Pair, ...] = ()
    ignored: tuple[str, ...] = ()
    page: Page = DEFAULT_PAGE
    hops: tuple[Hop, ...] = ()
    pairings: tuple[Pairing, ...] = ()
    """The composites that could drive a search by parameters side by side."""
    timed: bool = False
    """Whether it says something else at another instant."""
    valueless: frozenset[str] = frozenset()

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


@dataclass(slots=True)
class _Instant:
    """Gives the instant of a request, and notes whether it was asked for."""

    now: datetime
    asked: bool = False

    def __call__(self) -> datetime:
        self.asked = True
        return self.now


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
    at = _Instant(now)
    reading = Reading(
        catalogue.setting.base_url, catalogue.setting.zone, now=at, concepts=catalogue.concepts,
        parameter=catalogue.parameter,
    )  # fmt: skip
    filters, hops = list[Filter](), list[Hop]()
    criteria, used, ignored = list[Pair](), list[Pair](), dict[str, bool]()
    page = DEFAULT_PAGE
    for name, value in pairs:
        read: Page | Filter | Hop | None
        if name in RESULT_PARAMETERS:
            read = read_result(catalogue, resource_type, page, name, value)
        else:
            read = _criterion(catalogue, resource_type, name, value, reading)
        if read is None:
            if strict:
                raise _unknown(catalogue, resource_type, name, value)
            ignored[name] = not value.strip(",")
            continue
        _use(used, name, value)
        if isinstance(read, Page):
            page = read
            continue
        criteria.append((name, value))
        if isinstance(read, Hop):
            hops.append(read)
        else:
            filters.append(read)
    _limit(filters, hops, page)
    return SearchRequest(
        resource_type, tuple(filters), tuple(criteria), tuple(used), tuple(ignored), page, tuple(hops),
        catalogue.of(resource_type).pairings, at.asked, frozenset(filter(ignored.get, ignored)),
    )  # fmt: skip


def _use(used: list[Pair], name: str, value: str) -> None:
    if name in SAID_ONCE:
        used[:] = [pair for pair in used if pair[0] != name]
    used.append((name, value))


def query_digest(request: SearchRequest) -> bytes:
    """Return 32 bytes that stand for what is searched and in which order, but not for the page size."""
    return hashlib.sha256(_normalised(request, with_order=True)).digest()


def _limit(filters: list[Filter], hops: list[Hop], page: Page) -> None:
    if len(filters) + len(hops) > MAX_FILTERS:
        raise refuse("too-costly", f"A search takes at most {MAX_FILTERS} parameters.")
    if sum(hop.ends for hop in hops) > MAX_ENDS:
        raise refuse("too-costly", f"The chains of a search end at no more than {MAX_ENDS} types together.")
    if len(page.includes) > MAX_INCLUDES:
        raise refuse("too-costly", f"A search takes at most {MAX_INCLUDES} includes.")
    check_weight(filters, hops)


def _normalised(request: SearchRequest, *, with_order: bool) -> bytes:
    pairs = sorted((name, sorted(split_unescaped(value, ","))) for name, value in request.criteria)
    ordered = spelled(request.order) if with_order else None
    return json.dumps([request.resource_type, pairs, ordered], ensure_ascii=True).encode()


def _criterion(
    catalogue: Catalogue, resource_type: str, name: str, value: str, reading: Reading
) -> Filter | Hop | None:
    if name.partition(":")[0] == LIST:
        name, value = as_members(name, value)
    if not is_hop(name):
        return _filter(catalogue, resource_type, name, value, reading)

    def read_filter(at: str, rest: str, text: str) -> Filter | None:
        return _filter(catalogue, at, rest, text, reading)

    return read_hop(catalogue, resource_type, name, value, read_filter)


def _filter(
    catalogue: Catalogue, resource_type: str, name: str, value: str, reading: Reading
) -> Filter | None:
    code, colon, modifier = name.partition(":")
    if colon and code in RESULT_PARAMETERS:
        raise refuse("unsupported-modifier", f"`{code}` does not support the modifier `:{plain(modifier)}`.")
    parameter = catalogue.parameter(resource_type, code)
    if parameter is None:
        return None
    known = _modifier(parameter, modifier) if colon else None
    if not value:
        return None
    if len(value) > MAX_VALUE_CHARACTERS:
        raise refuse("illegal-parameter-value", f"`{code}` takes at most {MAX_VALUE_CHARACTERS} characters.")
    if "\x00" in value:
        raise refuse("illegal-parameter-value", f"`{code}` holds a character that no FHIR text has (U+0000).")
    if known == MISSING:
        return Filter(parameter, MISSING, (_boolean(code, value),))
    kind = type_of(parameter)
    texts = [value] if kind.whole else split_unescaped(value, ",")
    if len(texts) > MAX_VALUES:
        raise refuse("too-costly", f"`{code}` takes at most {MAX_VALUES} values joined by commas.")
    values = [kind.read(parameter, known, text, reading) for text in texts if text]
    return Filter(parameter, known, tuple(_distinct(values))) if values else None


def _distinct(values: list[Any]) -> Iterable[Any]:
    # One value is distinct, and that of `_filter` can be nothing else: it has no hash.
    return dict.fromkeys(values) if len(values) > 1 else values


def _modifier(parameter: Parameter, modifier: str) -> str:
    kind = type_of(parameter)
    supported = set(kind.modifiers)
    if kind.present is not None:
        supported.add(MISSING)
    if parameter.type == "reference":
        supported.update([parameter.restrict] if parameter.restrict is not None else parameter.targets)
    if modifier in supported:
        return modifier
    listed = ", ".join(f":{name}" for name in sorted(supported)) or "none"
    raise refuse(
        "unsupported-modifier",
        f"`{parameter.code}` does not support the modifier `:{plain(modifier)}`. Supported: {listed}.",
    )


def _boolean(code: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise refuse("illegal-parameter-value", f"`{code}:{MISSING}` needs `true` or `false`.")
    return value == "true"


def _unknown(catalogue: Catalogue, resource_type: str, name: str, value: str) -> FhirError:
    code = name.partition(".")[0].partition(":")[0]
    if name in INCLUDES:
        return unknown_include(catalogue, name, value)
    why = catalogue.of(resource_type).unsupported.get(code)
    if code == HAS or catalogue.parameter(resource_type, code) is not None:
        return refuse("illegal-parameter-value", f"`{plain(name)}` has no value.")
    known = ", ".join(sorted(catalogue.of(resource_type).by_code))
    text = f"`{plain(name)}` is not a search parameter that {resource_type} supports here"
    return refuse("unknown-parameter", f"{text}{f' ({why})' if why else ''}. Supported: {known}.")
