"""The tree of RFC 6962: its published vectors, and a naive reading of its text as the oracle."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.access.merkle import (
    EMPTY_ROOT,
    Edge,
    Frontier,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    root_of,
    split_hashes,
)

INPUTS = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
"""The leaves of the test data of Certificate Transparency's reference implementation."""

ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)

LEAVES = [leaf_hash(data) for data in INPUTS]
PROPERTY = settings(deadline=None, max_examples=200)
sizes = st.integers(1, 300)


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH as the text of RFC 6962, section 2.1, defines it, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: list[bytes], complete: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.2."""
    if m == len(leaves):
        return [] if complete else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*naive_subproof(m, leaves[:k], complete), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


def edge_of(leaves: list[bytes], known: int) -> Edge:
    return Edge(Frontier().extended(leaves[:known]), leaves[known:])


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_of([]) == EMPTY_ROOT == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_published_vectors(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size", "path"), [
    pytest.param(0, 1, [], id="alone"),
    pytest.param(0, 8, [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ], id="first-of-eight"),
    pytest.param(5, 8, [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ], id="sixth-of-eight"),
    pytest.param(2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"], id="last-of-3"),
    pytest.param(1, 5, [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ], id="second-of-five"),
])  # fmt: skip
def test_inclusion_proofs_are_those_of_the_published_vectors(index: int, size: int, path: list[str]) -> None:
    made = inclusion_proof(index, size, edge_of(LEAVES[:size], 0).subtree)
    assert [step.hex() for step in made] == path


@pytest.mark.parametrize(("old", "new", "path"), [
    pytest.param(1, 1, [], id="same"),
    pytest.param(1, 8, [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ], id="one-to-eight"),
    pytest.param(6, 8, [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ], id="six-to-eight"),
    pytest.param(2, 5, [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ], id="two-to-five"),
])  # fmt: skip
def test_consistency_proofs_are_those_of_the_published_vectors(old: int, new: int, path: list[str]) -> None:
    made = consistency_proof(old, new, edge_of(LEAVES[:new], 0).subtree)
    assert [step.hex() for step in made] == path


@PROPERTY
@given(size=st.integers(0, 300), cut=st.integers(0, 300))
def test_a_tree_grown_in_two_steps_has_the_root_of_the_text(size: int, cut: int) -> None:
    leaves = leaves_of(size)
    first = Frontier().extended(leaves[:cut])
    kept = Frontier.from_bytes(first.size, first.to_bytes())
    assert kept == first
    assert kept.extended(leaves[cut:]).root() == naive_root(leaves)


@PROPERTY
@given(size=sizes, data=st.data())
def test_an_inclusion_proof_from_the_edge_is_that_of_the_text(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    known = data.draw(st.integers(0, index))
    path = inclusion_proof(index, size, edge_of(leaves, known).subtree)
    assert list(path) == naive_path(index, leaves)
    assert is_included(leaves[index], index, size, path, naive_root(leaves))


@PROPERTY
@given(size=sizes, data=st.data())
def test_a_consistency_proof_is_that_of_the_text(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    old = data.draw(st.integers(1, size))
    path = consistency_proof(old, size, edge_of(leaves, 0).subtree)
    assert list(path) == naive_subproof(old, leaves, True)
    assert is_consistent(old, size, naive_root(leaves[:old]), naive_root(leaves), path)


@PROPERTY
@given(size=st.integers(2, 80), data=st.data())
def test_a_proof_holds_for_nothing_else(size: int, data: st.DataObject) -> None:
    leaves, root = leaves_of(size), naive_root(leaves_of(size))
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index))
    path = list(inclusion_proof(index, size, edge_of(leaves, 0).subtree))
    assert not is_included(leaves[other], index, size, path, root)
    assert not is_included(leaves[index], other, size, path, root)
    assert not is_included(leaves[index], index, size, path[:-1], root)
    assert not is_included(leaves[index], index, size, [*path, root], root)
    spoilt = data.draw(st.integers(0, len(path) - 1))
    path[spoilt] = leaf_hash(b"something else")
    assert not is_included(leaves[index], index, size, path, root)


@PROPERTY
@given(size=st.integers(2, 80), data=st.data())
def test_a_rewritten_beginning_is_not_consistent(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    old = data.draw(st.integers(1, size - 1))
    rewritten = list(leaves)
    rewritten[data.draw(st.integers(0, old - 1))] = leaf_hash(b"something else")
    path = consistency_proof(old, size, edge_of(rewritten, 0).subtree)
    assert not is_consistent(old, size, naive_root(leaves[:old]), naive_root(rewritten), path)


def test_what_the_edge_forgot_cannot_be_proven() -> None:
    with pytest.raises(KeyError):
        inclusion_proof(0, 8, edge_of(LEAVES, 4).subtree)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_that_is_not_there_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion_proof(index, size, edge_of(LEAVES, 0).subtree)
    assert not is_included(LEAVES[0], index, size, [], LEAVES[0])


def test_hashes_cut_short_are_refused() -> None:
    with pytest.raises(ValueError, match="hashes"):
        Frontier.from_bytes(3, LEAVES[0])
    with pytest.raises(ValueError, match="whole number"):
        split_hashes(b"short")
