"""Scenarios: a record in two worlds, what the person chose, a part that asks, and what it asks.

What is visible is the same in both worlds; what is hidden from the part differs in number and content.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.worlds.asking import Call
from tests.worlds.cast import (
    ALWAYS,
    CHOICE,
    CLASS,
    DERIVED,
    MASK,
    PARENTS,
    PARTS,
    PERSON,
    SECRECY,
    UNLABELLED,
    Part,
)
from tests.worlds.doors import DOORS
from tests.worlds.items import DERIVABLE, PLAIN, Item

LABELLED = (MASK, PERSON, PARENTS)
WITH_ALL = "with-all"
"""The mark of what is hidden because everything is."""
TICKS = 6
OFTEN = ("observation",) * 4
"""Drawn as often again: what refers to its like, and is found by it."""
MENTIONS: tuple[tuple[str, ...], ...] = ((), ("0s",), ("0s", "1s"))
"""What is visible refers to what is hidden, or in one world to nothing."""
DOCUMENTS = {"document": "binary", "synthesis": "binary", "sensitive": "sensitive-binary"}


@dataclass(frozen=True)
class Side:
    """What there is in one world only, and is hidden from the part."""

    items: tuple[Item, ...] = ()
    noise: tuple[str, ...] = ()
    """Choices of the person that the part is not told of."""
    other_person: bool = False
    """Whether somebody else has a record, which is closed to the part."""
    looks: int = 0
    """How often somebody else looked at hidden items only."""


@dataclass(frozen=True)
class Scenario:
    """One record in two worlds and what a part asks of it, in order."""

    part: Part
    visible: tuple[Item, ...]
    one: Side
    two: Side
    calls: tuple[Call, ...]
    strict: bool = False
    """Whether the servers check references."""

    def __str__(self) -> str:
        def told(items: Sequence[Item]) -> str:
            return "".join(f"\n    {item}" for item in items) or " nothing"

        return (
            f"part {self.part.name}, references {'checked' if self.strict else 'unchecked'}"
            f"\n  visible:{told(self.visible)}"
            f"\n  hidden in one:{told(self.one.items)}\n    {self.one.noise} {self.one.looks} looks"
            f"\n  hidden in two:{told(self.two.items)}\n    {self.two.noise} {self.two.looks} looks"
            f"\n  calls: {', '.join(map(str, self.calls))}"
        )


NOISE = ("block", "authorise", "hide-future", "treating-doctor", "switch-masked", "switch-regulation")
IN_EMERGENCY = frozenset({"switch-masked", "switch-regulation"})
"""Choices that somebody who acts in an emergency is told of by what it sees."""


@st.composite
def scenarios(
    draw: st.DrawFn, part: Part, doors: Sequence[str] | None = None, calls: tuple[int, int] = (10, 16)
) -> Scenario:
    """Return scenarios of one part; `doors` are the only ones through which it asks, all if None."""
    hides_all = MASK in part.marks and part.owns and draw(st.integers(0, 3)) == 3
    one = _side(draw, part, least=1, noise=("hide-all",) if hides_all else ())
    two = _side(draw, part, least=0)
    visible = _visible(draw, part, hides_all, _only_masked(one.items, two.items))
    if part.reads_all_patients:
        two = Side(two.items, two.noise, one.other_person, two.looks)
    names = tuple(DOORS) if doors is None else tuple(doors)
    asked = st.builds(
        Call, st.sampled_from(names), st.integers(0, 63), st.integers(0, 63), st.integers(0, 4095)
    )
    drawn = draw(st.lists(asked, min_size=calls[0], max_size=calls[1]))
    return Scenario(part, visible, one, two, tuple(drawn), draw(st.booleans()))


def _only_masked(*sides: Sequence[Item]) -> tuple[str, ...]:
    """Return what a part still sees of, where it deposited something that was made from it."""
    others = {item.name for items in sides for item in items if item.mark != MASK}
    masked = {item.name for items in sides for item in items if item.mark == MASK}
    return tuple(sorted(masked - others))


def _visible(draw: st.DrawFn, part: Part, hides_all: bool, masked: tuple[str, ...]) -> tuple[Item, ...]:
    if ALWAYS in part.marks:
        return ()
    kinds = [kind for kind in part.kinds or PLAIN if kind not in part.unseen and kind != "binary"]
    items: list[Item] = []
    inheriting: set[str] = set()
    for number in range(draw(st.integers(1, 6))):
        own = part.owns and part.identity is not None and (hides_all or draw(st.booleans()))
        kind = draw(st.sampled_from([*kinds, *(OFTEN if OFTEN[0] in kinds else ())]))
        # A part sees its own deposits whatever they inherit, but not what others made from them.
        before = tuple(
            item.name for item in items if item.kind != "binary" and (own or item.name not in inheriting)
        )
        sources = _some(draw, before) if kind in DERIVABLE else ()
        mentions = draw(st.sampled_from(MENTIONS)) if kind == "observation" else ()
        if own and MASK in part.marks and kind in DERIVABLE:
            sources += _some(draw, masked)
        item = _aged(draw, Item(kind, f"{number}v", _variant(draw), _tick(draw), "", own, sources=sources,
                                mentions=mentions))  # fmt: skip
        items += [item, *_content(item)]
        if inheriting.union(masked).intersection(sources):
            inheriting.add(item.name)
    return tuple(items)


def _side(draw: st.DrawFn, part: Part, *, least: int, noise: tuple[str, ...] = ()) -> Side:
    items: list[Item] = []
    for number in range(draw(st.integers(least, 5))):
        item = _hidden(draw, part, items, f"{number}s", (WITH_ALL,) * 3 if "hide-all" in noise else ())
        items += [item, *_content(item)]
    if part.meets_choices:
        names = [name for name in NOISE if not (part.in_emergency and name in IN_EMERGENCY)]
        noise += tuple(draw(st.lists(st.sampled_from(names), max_size=3, unique=True)))
    return Side(tuple(items), noise, draw(st.booleans()), draw(st.integers(0, 2)))


def _hidden(
    draw: st.DrawFn, part: Part, items: Sequence[Item], name: str, more: tuple[str, ...] = ()
) -> Item:
    labelled = tuple(item.name for item in items if _passes_on(item))
    masked = tuple(item.name for item in items if item.mark == MASK)
    marks = [*(mark for mark in part.marks if mark not in (DERIVED, UNLABELLED)), *more]
    if DERIVED in part.marks and labelled:
        marks += [DERIVED, DERIVED]
    if UNLABELLED in part.marks and masked:
        marks += [UNLABELLED]
    mark = draw(st.sampled_from(marks))
    match mark:
        case "choice":
            kind, sources = "consent", ()
        case "derived":
            kind, sources = draw(st.sampled_from(DERIVABLE)), (draw(st.sampled_from(labelled)),)
        case "unlabelled":
            kind, sources = draw(st.sampled_from(("observation", "list"))), (draw(st.sampled_from(masked)),)
        case "class":
            kind, sources = draw(st.sampled_from([kind for kind in part.unseen if "-" not in kind])), ()
        case _:
            kind, sources = draw(st.sampled_from((*PLAIN, *OFTEN))), ()
    if mark == SECRECY:
        kind = "condition"
    item = Item(kind, name, _variant(draw), _tick(draw), mark, sources=sources)
    return item if mark == UNLABELLED else _aged(draw, item)


def _passes_on(item: Item) -> bool:
    """Return whether what is made from the item is hidden with it."""
    return item.mark in (*LABELLED, DERIVED) and item.kind not in ("binary", "sensitive-binary")


def _content(item: Item) -> Iterator[Item]:
    kind = DOCUMENTS.get(item.kind)
    if kind is not None and item.variant % 2:
        mark = CLASS if item.mark == CLASS else (DERIVED if item.mark else "")
        yield Item(kind, f"{item.name}b", item.variant, item.tick, mark, item.own, sources=(item.name,))


def _aged(draw: st.DrawFn, item: Item) -> Item:
    age = draw(st.integers(0, 9))
    if age < 6:
        return item
    fields: dict[str, Any] = {name: getattr(item, name) for name in item.__dataclass_fields__}
    return Item(**{**fields, "versions": 2, "deleted": age == 9})


def _some(draw: st.DrawFn, names: Sequence[str]) -> tuple[str, ...]:
    if not names or not draw(st.booleans()):
        return ()
    return (draw(st.sampled_from(tuple(names))),)


def _variant(draw: st.DrawFn) -> int:
    return draw(st.integers(0, 7))


def _tick(draw: st.DrawFn) -> int:
    return draw(st.integers(0, TICKS - 1))


__all__ = ["CHOICE", "PARTS", "Scenario", "Side", "scenarios"]
