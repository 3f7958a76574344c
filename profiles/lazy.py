"""A read-only mapping whose values are made from JSON text when they are first asked for."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from msgspec import Raw

Value = TypeVar("Value")


def laid_over(below: Mapping[str, Value], above: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return one mapping of both, read-only and without a copy; where both have a key, `above` counts."""
    # ChainMap reads its maps only, but its type asks for ones that can be written.
    return MappingProxyType(ChainMap(above, below))  # type: ignore[arg-type]


class LazyMapping(Mapping[str, Value], Generic[Value]):
    """`texts` by key, turned into values by `make`, once each.

    Threads may race for the first value of a key; all of them get the same object.
    """

    __slots__ = ("_made", "_make", "_texts")

    def __init__(self, texts: Mapping[str, Raw], make: Callable[[str, Raw], Value]) -> None:
        self._texts = texts
        self._make = make
        self._made: dict[str, Value] = {}

    def __getitem__(self, key: str) -> Value:
        made = self._made.get(key)
        if made is not None:
            return made
        return self._made.setdefault(key, self._make(key, self._texts[key]))

    def __contains__(self, key: object) -> bool:
        return key in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


class AliasedMapping(Mapping[str, Value], Generic[Value]):
    """`values` under the names of `aliases` (name → key), several of which may stand for one value."""

    __slots__ = ("_aliases", "_values")

    def __init__(self, aliases: Mapping[str, str], values: Mapping[str, Value]) -> None:
        self._aliases = aliases
        self._values = values

    def __getitem__(self, key: str) -> Value:
        return self._values[self._aliases[key]]

    def __contains__(self, key: object) -> bool:
        return key in self._aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self._aliases)

    def __len__(self) -> int:
        return len(self._aliases)
