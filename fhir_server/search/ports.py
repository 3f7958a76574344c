"""What search needs of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Systems(Protocol):
    """Which systems a token parameter was ever written with: a bare code becomes one token for each."""

    def of(self, resource_type: str, parameter: str) -> Sequence[str]:
        """Return the systems, `""` for codes without one, in a stable order, complete up to now."""
        ...
