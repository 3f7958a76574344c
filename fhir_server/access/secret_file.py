"""Secrets that are made once, in a file that is its owner's alone."""

from __future__ import annotations

import os
from pathlib import Path


def make_once(path: Path, secret: bytes) -> None:
    """Write the secret (mode 0600, fsynced) unless the file is there by then; its folder is made (0700).

    Of several processes that make it at once the first one's stands.  Raises OSError.
    """
    # Written beside and linked: another process never sees half a secret.
    beside = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
    except FileExistsError:
        return
    finally:
        beside.unlink()
