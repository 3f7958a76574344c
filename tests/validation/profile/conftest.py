from __future__ import annotations

import pytest

from profiles.registry import Registry
from tests.validation.profile.making import Bench
from tests.validation.profile.shipped import shipped_registry


@pytest.fixture(scope="session")
def bench(registry: Registry) -> Bench:
    return Bench(registry)


@pytest.fixture(scope="session")
def shipped() -> Registry:
    """The definitions of all packages that are shipped."""
    return shipped_registry()
