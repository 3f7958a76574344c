"""Which settings of sealing contradict each other or those beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

MONGODB = ("mongodb://", "mongodb+srv://")


def sealing_faults(
    *, on: bool, vault: str | None, master_file: Path | None, data_dir: Path, native_types: Sequence[str]
) -> list[str]:
    """Return a sentence for each thing that keeps sealing from being what it says."""
    if not on:
        return []
    faults = []
    if native_types:
        faults.append(
            "FHIR_NATIVE_TYPES keeps copies of resources in the clear, which FHIR_SEALING excludes."
        )
    if vault is None:
        faults.append("FHIR_SEALING needs FHIR_KEY_VAULT: a directory, or a MongoDB URI with a database.")
    if master_file is None:
        faults.append("FHIR_SEALING needs FHIR_KEY_MASTER_FILE: `openssl rand -hex 32` makes a key.")
    if vault is not None and not vault.startswith(MONGODB):
        folder = Path(vault)
        if _within(folder, data_dir):
            faults.append("FHIR_KEY_VAULT lies within FHIR_DATA_DIR: one backup would have records and keys.")
        if master_file is not None and _within(master_file, folder):
            faults.append("FHIR_KEY_MASTER_FILE lies within FHIR_KEY_VAULT: one backup would open the other.")
    if master_file is not None and _within(master_file, data_dir):
        faults.append("FHIR_KEY_MASTER_FILE lies within FHIR_DATA_DIR: one backup would have both.")
    return faults


def _within(inner: Path, outer: Path) -> bool:
    return inner.absolute().resolve().is_relative_to(outer.absolute().resolve())
