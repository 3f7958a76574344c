"""Tests of the public FHIRPath suite that this engine answers differently, each with the reason.

A test listed here has to differ: once it agrees, its line goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KNOWN_DIFFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "testPlusDate19": "0.1 s later than .000 is .100: only fractions of larger units are dropped",
        "LowBoundaryDecimal15": "-0.00345 lies below -0.0, so its low boundary with one place is -0.1",
        "HighBoundaryDecimal15": "0.00345 lies above 0.0, so its high boundary with one place is 0.1",
        "HighBoundaryDecimal16": "the negative of the above",
    }
)
