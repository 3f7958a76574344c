"""The two worlds: one pair of databases for a module, or one of its own for a part that reads every Patient."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.worlds.world import Worlds, two_worlds

Making = Callable[[], AbstractContextManager[Worlds]]


@pytest.fixture(scope="module")
def making_worlds(database_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Making:
    """Return what makes two worlds that hold nothing yet."""

    def making() -> AbstractContextManager[Worlds]:
        name = f"test_{os.getpid()}_{os.urandom(4).hex()}"
        return two_worlds(database_uri, tmp_path_factory.mktemp("worlds"), name)

    return making


@pytest.fixture(scope="module")
def worlds(making_worlds: Making) -> Iterator[Worlds]:
    with making_worlds() as made:
        yield made
