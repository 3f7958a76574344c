"""Index entries: what searches can find a resource by.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from fhir_server.model.document import Amount, Range, SearchEntries
from fhir_server.model.temporal import EARLIEST
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.collector import Collector, Sink
from fhir_server.search.computed import computed_sink
from fhir_server.search.extraction import Node, Visit, compile_node
from fhir_server.search.owner import PATIENT, Owners
from fhir_server.search.parameter import Parameter, Setting
from fhir_server.search.parameter_types import TYPES
from fhir_server.search.sort_dates import sort_dates
from fhir_server.search.types.composite import combine
from fhir_server.search.types.reference import marker
from fhir_server.search.words import Words
from profiles.registry import Registry


@dataclass(frozen=True, slots=True)
class _Compiled:
    visit: Visit
    deciding: tuple[str, ...]
    sort_keys: tuple[frozenset[str], ...]


class Indexer:
    """Extracts the search entries of resources; immutable but for its cache of compiled types.

    `base_url` is this server's own, so that absolute references to it count as relative; `zone` applies
    to dates without one.  Without `words` nothing is kept for `_text` and `_content`.
    """

    __slots__ = ("_compiled", "_owners", "_words", "catalogue")

    def __init__(self, registry: Registry, *, base_url: str, zone: tzinfo = UTC, words: bool = True) -> None:
        self.catalogue = Catalogue(registry, Setting(base_url.rstrip("/"), zone, words))
        self._words = Words(registry) if words else None
        self._owners = Owners(registry, base_url.rstrip("/"))
        self._compiled: dict[str, _Compiled] = {}

    def entries(self, resource: dict[str, Any], *, owner: str | None = None) -> SearchEntries:
        """Return the entries of a structurally valid resource.

        `owner` is the person whose record it will be part of; without it, the resource itself is asked
        (`Owners.owner_of` without targets).  Raises FhirError `two-persons` then.
        """
        resource_type = resource["resourceType"]
        compiled = self._compiled.get(resource_type)
        if compiled is None:
            compiled = self._compiled[resource_type] = self._compile(resource_type)
        if owner is None:
            owner = self._owners.owner_of(resource)
        out = Collector(PATIENT + owner if owner is not None else None, resource)
        compiled.visit(resource, out)
        if self._words is not None:
            self._words.write(resource, out)
        for name in compiled.deciding:
            if name not in out.owned:
                out.residual[marker(name)] = None
        return SearchEntries(
            tuple(out.token), tuple(out.residual), tuple(out.string),
            tuple([Range(*entry) for entry in out.date]),
            tuple([Amount(*entry) for entry in out.number]),
            tuple([Amount(*entry) for entry in out.quantity]),
            tuple([Amount(*entry) for entry in out.composite]),
            _sort_date(out, compiled.sort_keys),
        )  # fmt: skip

    def _compile(self, resource_type: str) -> _Compiled:
        of_type = self.catalogue.of(resource_type)
        parameters = of_type.by_code
        tree = Node()
        for parameter in parameters.values():
            if parameter.canonical:
                self._lay(tree, parameter)
        for pair in of_type.pairings:
            if pair.beside is not None:
                self._lay(tree, pair.beside)
        deciding = [
            parameter.code
            for parameter in parameters.values()
            if parameter.canonical and parameter.owner == "decides"
        ]
        keys = tuple(
            frozenset(f"{name}:{span}" for span in "dml" for name in parameters[code].names)
            for code in sort_dates(resource_type, parameters)
        )
        return _Compiled(compile_node(tree), tuple(deciding), keys)

    def _lay(self, tree: Node, parameter: Parameter) -> None:
        if parameter.type == "composite":
            sink, keys = self._composite(parameter)
            for base in parameter.sources:
                node = tree.reach(base.hops)
                for key in keys:
                    node.paired.setdefault(key, []).append(sink)
            return
        _lay_sources(tree, parameter.code, parameter, self.catalogue.setting)
        if parameter.computed is not None:
            tree.sinks.append(computed_sink(parameter, parameter.computed, self.catalogue.setting))

    def _composite(self, parameter: Parameter) -> tuple[Sink, Iterable[str]]:
        """Return what writes a composite, and the JSON keys without which a base item has nothing of it."""
        visits, keys = [], list[str]()
        for part in parameter.parts:
            tree = Node()
            _lay_sources(tree, "", part, self.catalogue.setting)
            visits.append((compile_node(tree), part.from_resource))
            if not part.from_resource:
                # Whoever comes last is met least: of the observations that have a code, few have a concept.
                keys = sorted(tree.children)
        return combine(parameter, visits), keys


def _lay_sources(tree: Node, name: str, parameter: Parameter, setting: Setting) -> None:
    make = TYPES[parameter.type].sink
    for source in parameter.sources:
        sink = make(name, source, parameter, setting)
        if sink is not None:
            tree.add(source.hops, sink)


def _sort_date(out: Collector, sort_keys: Iterable[frozenset[str]]) -> datetime | None:
    if not out.date:
        return None
    for keys in sort_keys:
        found = [low for key, low, _ in out.date if key in keys]
        if found:
            low = min(found)
            return low if low != EARLIEST else None
    return None
