"""The two worlds, as `tests/worlds` has them."""

from tests.worlds.conftest import making_worlds, worlds

__all__ = ["making_worlds", "worlds"]
