"""What is sent: Bundles from a directory and Bundles of our own making."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from conformance.load.bundle import Bundle, cut, read_bundles, within_limit
from conformance.load.generate import generate


@dataclass(frozen=True, slots=True)
class Material:
    """`planted`: exactly 300 entries each, posted before the measurement.  `whole`: for the ingest.
    `documents`: clinical documents for the import, with marks.
    """

    origin: str
    planted: tuple[Bundle, ...]
    whole: tuple[Bundle, ...]
    documents: tuple[bytes, ...] = ()


def material(directory: Path | None, planted: int) -> Material:
    """Return up to `planted` Bundles from a directory, and as many generated ones with full pages.

    Without a directory all are generated.  Raises LoadRefused for a directory without Bundles.
    """
    generated = generate(planted)
    if directory is None:
        return Material("generated", tuple(generated), tuple(generated))
    whole = within_limit(read_bundles(directory))
    cuts = [found for bundle in whole if (found := cut(bundle)) is not None][:planted]
    return Material("Bundles of a directory, and generated", (*cuts, *generated), tuple(whole))
