"""Includes gathered inside the View: what the matches of a page point to, and what points to them.

Of one level everything of a type is read at once; each reference parameter that is followed backward is one
search.  What is included is never counted and never there twice; a match stays a match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from fhir_server.interactions.context import Context
from fhir_server.model import exact_json
from fhir_server.model.document import Stored
from fhir_server.model.plan import Condition, Order, SortBy
from fhir_server.model.predicate import Nothing
from fhir_server.model.view import View
from fhir_server.search.following import URL, to_ids, to_urls
from fhir_server.search.hops import points_to
from fhir_server.search.includes import Include, Pointing, is_canonical
from fhir_server.search.parameter import Parameter
from fhir_server.search.planner import plan
from fhir_server.search.request import SearchRequest
from fhir_server.search.result_parameters import Page

T = TypeVar("T")

MAX_LEVELS: Final = 20
"""How often `:iterate` goes on from what it brought."""
READ_AT_ONCE: Final = 1_000
DRIVING: Final = 200
"""References that one search is driven by."""


@dataclass(frozen=True, slots=True)
class Along:
    """What comes along with a page: `more` where that is not all, `deeper` where `:iterate` was stopped."""

    entries: tuple[Stored, ...] = ()
    more: bool = False
    deeper: bool = False


def along(
    context: Context, view: View, includes: Sequence[Include], matches: Sequence[Stored], most: int
) -> Along:
    """Return what the includes bring along with the matches, `most` at most, in an order of its own.

    The same question about the same resources has the same order.
    """
    if not includes or not matches:
        return Along()
    gathering = _Gathering(context, view, most, {(one.resource_type, one.id) for one in matches})
    rules, level = tuple(includes), list(matches)
    for _ in range(MAX_LEVELS):
        level = gathering.next_level(rules, level)
        rules = tuple(rule for rule in includes if rule.iterate)
        if not rules or not level or gathering.is_full:
            break
    deeper = bool(rules and level) and not gathering.is_full
    return Along(tuple(gathering.found[:most]), gathering.is_full, deeper)


@dataclass(slots=True)
class _Gathering:
    """What was found so far; `seen` holds that and the matches, by type and id."""

    context: Context
    view: View
    most: int
    seen: set[tuple[str, str]]
    found: list[Stored] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return len(self.found) > self.most

    def next_level(self, rules: Sequence[Include], seeds: Sequence[Stored]) -> list[Stored]:
        """Return what the rules bring along with `seeds` that was not there yet."""
        start = len(self.found)
        self._forward([rule for rule in rules if not rule.reverse], seeds)
        for rule in rules:
            if rule.reverse and self._sees(rule.source):
                self._backward(rule, seeds)
        return self.found[start:]

    def _forward(self, rules: Sequence[Include], seeds: Sequence[Stored]) -> None:
        wanted: dict[str, dict[str, None]] = {}
        canonical: dict[str, dict[str, None]] = {}
        trees: dict[tuple[str, str], Mapping[str, Any]] = {}
        for rule in rules:
            pointing = Pointing(self.context.indexer.catalogue, rule.parameters, rule.targets)
            for seed in seeds:
                if seed.resource_type != rule.source:
                    continue
                key = (seed.resource_type, seed.id)
                if key not in trees:
                    trees[key] = exact_json.decode(seed.body)
                pointed = pointing.of(trees[key])
                for target, id in pointed.local:
                    wanted.setdefault(target, {})[id] = None
                for target in pointing.canonical_targets if pointed.canonical else ():
                    canonical.setdefault(target, {}).update(dict.fromkeys(pointed.canonical))
        for target, ids in wanted.items():
            self._read(target, [id for id in ids if (target, id) not in self.seen])
        existing = self.context.records.types() if canonical else ()
        for target, urls in canonical.items():
            if target in existing:
                self._by_url(target, tuple(urls))

    def _read(self, target: str, ids: Sequence[str]) -> None:
        for some in _in_turn(ids, READ_AT_ONCE) if self._sees(target) else ():
            if self.is_full:
                return
            read = self.context.records.read_many(target, some, self.view)
            self._add(read[id] for id in some if id in read and not read[id].deleted)

    def _by_url(self, target: str, canonical: Sequence[str]) -> None:
        parameter = self.context.indexer.catalogue.parameter(target, URL)
        if parameter is None or not self._sees(target):
            return
        urls = tuple(dict.fromkeys(text.partition("|")[0] for text in canonical))
        for some in _in_turn(urls, DRIVING):
            self._search(target, to_urls(parameter, some), frozenset(canonical))

    def _backward(self, rule: Include, seeds: Sequence[Stored]) -> None:
        for parameter in rule.parameters:
            for target in dict.fromkeys(seed.resource_type for seed in seeds):
                if target not in rule.targets or not points_to(parameter, target):
                    continue
                of_target = [seed for seed in seeds if seed.resource_type == target]
                for some in _in_turn(of_target, DRIVING):
                    self._search(rule.source, _holding(parameter, target, some))

    def _search(self, source: str, held: Condition, canonical: frozenset[str] | None = None) -> None:
        """Add what `held` holds for; of canonical URLs, only what one of them stands for."""
        after = None
        while not self.is_full:
            asked = SearchRequest(
                source, page=Page(self.most - len(self.found) + 1, Order(SortBy.DATE, descending=False))
            )
            bound = plan(
                asked,
                systems=self.context.systems,
                owner=self.view.owner_for(source),
                cross_person_types=self.context.cross_person_types,
                after=after,
                further=(held,),
            )
            page = self.context.records.search(bound, self.view)
            self._add(one for one in page.entries if canonical is None or _is_meant(one, canonical))
            after = page.next
            if after is None:
                return

    def _add(self, found: Iterable[Stored]) -> None:
        for one in found:
            key = (one.resource_type, one.id)
            if key not in self.seen:
                self.seen.add(key)
                self.found.append(one)

    def _sees(self, resource_type: str) -> bool:
        return not isinstance(self.view.reads(resource_type), Nothing)


def _holding(parameter: Parameter, target: str, seeds: Sequence[Stored]) -> Condition:
    if not is_canonical(parameter):
        return to_ids(parameter, target, (seed.id for seed in seeds))
    return to_urls(parameter, [name for seed in seeds for name in _names(seed)])


def _names(stored: Stored) -> Iterator[str]:
    """Yield the canonical URLs that a resource is known by: without and with its version."""
    tree = exact_json.decode(stored.body)
    url, version = tree.get("url"), tree.get("version")
    if isinstance(url, str):
        yield url
        if isinstance(version, str):
            yield f"{url}|{version}"


def _is_meant(stored: Stored, canonical: frozenset[str]) -> bool:
    return any(name in canonical for name in _names(stored))


def _in_turn(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
