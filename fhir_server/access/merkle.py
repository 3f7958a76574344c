"""A Merkle tree over the entries of the access log: roots, and proofs that grow with its logarithm.

The tree is the one of Certificate Transparency: `0x00 | data` is hashed to a leaf, `0x01 | left | right` to a
node, and the left part of a tree is the largest power of two below its size.  A tree only ever grows at its
right-hand edge, so that all of it but that edge can be forgotten: a `Frontier` is what has to be kept.
Spec: https://www.rfc-editor.org/rfc/rfc6962#section-2.1
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

Subtree = Callable[[int, int], bytes]
"""Gives the hash of the leaves from the first index to before the second."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one entry's canonical bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two neighbouring subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The complete subtrees of a tree, from left to right: one for each bit of its size, largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def extended(self, leaves: Iterable[bytes]) -> Frontier:
        """Return the frontier after the hashes of more leaves."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaves:
            grown = leaf
            rest = size
            while rest & 1:
                grown = node_hash(hashes.pop(), grown)
                rest >>= 1
            hashes.append(grown)
            size += 1
        return Frontier(size, tuple(hashes))

    def root(self) -> bytes:
        """Return the root of the tree."""
        if not self.hashes:
            return EMPTY_ROOT
        *others, root = self.hashes
        for left in reversed(others):
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        """Return the hashes in a row; with the size they say all."""
        return b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, size: int, text: bytes) -> Frontier:
        """Return the inverse of `to_bytes`.  Raises ValueError where the length does not fit the size."""
        if len(text) != size.bit_count() * HASH_BYTES:
            raise ValueError(f"a frontier of {size} leaves has {size.bit_count()} hashes")
        return cls(size, split_hashes(text))


@dataclass(frozen=True, slots=True)
class Edge:
    """The right-hand edge of a tree: what stands before it as a frontier, and the leaves after that."""

    before: Frontier
    leaves: Sequence[bytes]
    _complete: dict[tuple[int, int], bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        start, complete = 0, {}
        for known, span in zip(self.before.hashes, _powers(self.before.size)):
            complete[start, start + span] = known
            start += span
        object.__setattr__(self, "_complete", complete)

    def subtree(self, start: int, end: int) -> bytes:
        """Return the hash of the leaves [start, end).  Raises KeyError for one that was forgotten."""
        known = self._complete.get((start, end))
        if known is not None:
            return known
        if end - start == 1:
            if start < self.before.size:
                raise KeyError((start, end))
            return self.leaves[start - self.before.size]
        middle = start + _left_part(end - start)
        return node_hash(self.subtree(start, middle), self.subtree(middle, end))


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a tree of these leaf hashes."""
    return Frontier().extended(leaves).root()


def split_hashes(text: bytes) -> tuple[bytes, ...]:
    """Return the hashes that stand in a row.  Raises ValueError if it is no whole number of them."""
    if len(text) % HASH_BYTES:
        raise ValueError("not a whole number of hashes")
    return tuple(text[at : at + HASH_BYTES] for at in range(0, len(text), HASH_BYTES))


def inclusion_proof(index: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """Return the hashes that lead from the leaf `index` to the root of a tree of `size`, lowest first.

    Spec: https://www.rfc-editor.org/rfc/rfc6962#section-2.1.1
    """
    if not 0 <= index < size:
        raise ValueError("the tree has no such leaf")
    start, end, path = 0, size, list[bytes]()
    while end - start > 1:
        middle = start + _left_part(end - start)
        if index < middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start = middle
    return tuple(reversed(path))


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Return whether the path leads from the leaf at that index to that root."""
    if not 0 <= index < size:
        return False
    found, last = leaf, size - 1
    for step in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            found = node_hash(step, found)
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            found = node_hash(found, step)
        index >>= 1
        last >>= 1
    return last == 0 and found == root


def consistency_proof(old: int, new: int, subtree: Subtree) -> tuple[bytes, ...]:
    """Return the hashes that show that the tree of `new` leaves begins with that of `old`.

    Spec: https://www.rfc-editor.org/rfc/rfc6962#section-2.1.2
    """
    if not 0 < old <= new:
        raise ValueError("a tree grows, from at least one leaf")
    start, end, complete, path = 0, new, True, list[bytes]()
    while old != end - start:
        left = _left_part(end - start)
        middle = start + left
        if old <= left:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start, old, complete = middle, old - left, False
    if not complete:
        path.append(subtree(start, end))
    return tuple(reversed(path))


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Return whether the path shows that the tree of `new` leaves begins with that of `old`."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        return False
    index, last = old - 1, new - 1
    while index & 1:
        index >>= 1
        last >>= 1
    older = newer = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            older, newer = node_hash(step, older), node_hash(step, newer)
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            newer = node_hash(newer, step)
        index >>= 1
        last >>= 1
    return last == 0 and (older, newer) == (old_root, new_root)


def _left_part(size: int) -> int:
    """The largest power of two below a size over 1."""
    return 1 << (size - 1).bit_length() - 1


def _powers(size: int) -> list[int]:
    return [1 << bit for bit in reversed(range(size.bit_length())) if size >> bit & 1]
