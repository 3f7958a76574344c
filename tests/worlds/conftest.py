"""The two worlds, one pair of databases for a module."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.worlds.world import Worlds, two_worlds


@pytest.fixture(scope="module")
def worlds(database_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    name = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    with two_worlds(database_uri, tmp_path_factory.mktemp("worlds"), name) as made:
        yield made
