"""Archives made of any members, and the Registry of a small package."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from profiles.build import build_package
from profiles.load import load_registry
from profiles.registry import Registry
from tests.profiles import small_package

MakeArchive = Callable[..., Path]


@pytest.fixture
def make_archive(tmp_path: Path) -> MakeArchive:
    """`small_package.write_archive` into the folder of the test."""
    return partial(small_package.write_archive, tmp_path)


@pytest.fixture
def small(make_archive: MakeArchive, tmp_path: Path) -> Registry:
    """The Registry of the small package alone."""
    build_package(make_archive(small_package.members()), tmp_path / "built")
    return load_registry([small_package.NAME], folder=tmp_path / "built")
