"""The data directory: one server at a time, and where the private socket of its database lies."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import IO

SOCKET_NAME = "mongodb-27017.sock"
MAX_SOCKET_PATH_BYTES = 107
"""`sun_path` of Linux holds 108 bytes with the closing NUL."""

# The driver lower-cases every host name, those that are socket paths included.
_PLAIN_PATH = re.compile(r"[a-z0-9/._\-]+\Z")


class AlreadyServed(Exception):
    """Another process serves the data directory; `pid` is its process id (0: unknown)."""

    def __init__(self, data_dir: Path, pid: int) -> None:
        super().__init__(
            f"{data_dir} is already served by process {pid}: stop it, or name another directory "
            "with FHIR_DATA_DIR."
        )
        self.pid = pid


class UnsafeDirectory(Exception):
    """A directory that must be private belongs to somebody else."""


class ServerLock:
    """An exclusive lock on a data directory, held until `release` or the end of the process."""

    def __init__(self, data_dir: Path) -> None:
        """Take the lock.  Raises AlreadyServed."""
        self._file: IO[str] = (data_dir / "server.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            text = self._file.read().strip()
            self._file.close()
            raise AlreadyServed(data_dir, int(text) if text.isdigit() else 0) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let another server take the directory; releasing twice is no error."""
        self._file.close()


def private_directory(path: Path) -> Path:
    """Create `path` (0700) unless it is there.  Raises UnsafeDirectory if it is not ours alone."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise UnsafeDirectory(f"{path} is not a directory of this user: remove it and start again.")
    if stat.S_IMODE(status.st_mode) != 0o700:
        path.chmod(0o700)
    return path


def socket_directory(data_dir: Path) -> Path:
    """Return the private directory of the socket: below `data_dir` if the path is short and plain enough,

    else one below the system's temporary directory whose name follows from `data_dir`, so that the next
    start finds a database that is still running.
    """
    inside = data_dir / "socket"
    if _fits(inside):
        return private_directory(inside)
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    name = f"fhir-{os.getuid()}-{digest}"
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - private and verified below
        if _fits(parent / name):
            return private_directory(parent / name)
    raise UnsafeDirectory(
        "The temporary directory has a name that is too long for a socket: set TMPDIR to a short one."
    )


def _fits(directory: Path) -> bool:
    path = str(directory / SOCKET_NAME)
    return len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES and _PLAIN_PATH.match(path) is not None
