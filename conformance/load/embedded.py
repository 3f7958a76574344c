"""Finding the database of a server that embeds its own mongod, from outside: by what runs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from conformance.load.target import LoadRefused
from conformance.load.usage import PROC, command_name

LOCK = Path("database") / "mongod.lock"
MONGOD = "mongod"


def embedded_uri(data_dir: Path) -> str:
    """Return the URI of the mongod that serves a data directory.

    Its process id is in mongod's own lock file, its private socket in its command line.
    Raises LoadRefused when no mongod serves the directory.
    """
    try:
        pid = int((data_dir / LOCK).read_text(encoding="ascii").strip() or 0)
        words = (PROC / str(pid) / "cmdline").read_text().split("\0")
        socket = words[words.index("--bind_ip") + 1]
        replica_set = words[words.index("--replSet") + 1]
    except (OSError, ValueError, IndexError) as error:
        raise LoadRefused(f"No embedded MongoDB is running in {data_dir}.") from error
    return f"mongodb://{quote(socket, safe='')}/?replicaSet={replica_set}"


def is_mongod(pid: int) -> bool:
    """Return whether a process of this machine is a mongod: that of a remote database is not."""
    return command_name(pid) == MONGOD
