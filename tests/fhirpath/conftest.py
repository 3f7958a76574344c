"""The type model of R4, once per session."""

from __future__ import annotations

import pytest

from profiles.load import load_registry
from profiles.type_model import RegistryTypeModel


@pytest.fixture(scope="session")
def types() -> RegistryTypeModel:
    return RegistryTypeModel(load_registry())
