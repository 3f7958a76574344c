"""The two worlds, as `tests/worlds` has them."""

from tests.worlds.conftest import worlds

__all__ = ["worlds"]
