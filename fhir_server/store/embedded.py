"""The embedded database: a mongod of our own, a replica set of one named by a private unix socket.

It has no TCP port, runs no JavaScript and keeps everything below the data directory.  A server that was
killed leaves its mongod running; the next start takes it over.  A mongod that was killed is restarted by its
server, on the same socket.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from fhir_server.store.data_dir import SOCKET_NAME, ServerLock, private_directory, socket_directory
from fhir_server.store.mongod import MongodUnavailable, explain_failure, find_mongod

REPLICA_SET: Final = "fhir"
START_S: Final = 120.0
"""How long a start may take; replaying a large journal is slow."""
STOP_S: Final = 60.0
ANSWER_S: Final = 10.0
MAX_LOG_BYTES: Final = 16 << 20
COMPRESSION_LEVEL: Final = 3
"""Of zstd.  mongod's own, 6, takes three times as long for a twentieth fewer bytes, and every checkpoint and
the log of the replica set compress what was written once more.
"""

NOT_YET_INITIALIZED: Final = 94
INVALID_REPLICA_SET_CONFIG: Final = 93


class Embedded:
    """A running embedded database.  `uri` is what `store.connection.connect` takes."""

    def __init__(
        self, lock: ServerLock, data_dir: Path, socket: Path, cache_mb: int, flags: tuple[str, ...]
    ) -> None:
        self._lock = lock
        self._database = private_directory(data_dir / "database")
        self._log = data_dir / "mongod.log"
        self._socket = socket
        self._cache_mb = cache_mb
        self._flags = flags
        self._process: subprocess.Popen[bytes] | None = None
        self._changing = threading.Lock()
        self._stopped = False
        self.uri = f"mongodb://{quote(str(socket), safe='')}/?replicaSet={REPLICA_SET}"
        self.pid = 0

    @classmethod
    def start(
        cls, data_dir: Path, *, cache_mb: int = 256, answer_s: float = ANSWER_S, flags: tuple[str, ...] = ()
    ) -> Embedded:
        """Start the database of `data_dir`, or take over the one that a killed server left running.

        `cache_mb` bounds the storage engine's cache, in MiB; `answer_s` is how long an orphan has to answer
        before it is restarted; `flags` are further ones of mongod.  Returns when writes are accepted.
        Raises AlreadyServed, UnsafeDirectory, MongodUnavailable.
        """
        data_dir = data_dir.resolve()
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = ServerLock(data_dir)
        try:
            embedded = cls(lock, data_dir, socket_directory(data_dir) / SOCKET_NAME, cache_mb, flags)
            embedded._run(answer_s, threading.Event())
        except BaseException:
            lock.release()
            raise
        return embedded

    @property
    def running(self) -> bool:
        """Whether the mongod is there; one that hangs is."""
        return self.pid != 0 and _holder(self._database / "mongod.lock") == self.pid

    def restart(self, interrupted: threading.Event) -> None:
        """Start the mongod again after it ended by itself; nothing that was acknowledged is lost.

        Returns when writes are accepted.  Raises MongodUnavailable if it does not start, or when
        `interrupted` is set before it has.
        """
        with self._changing:
            if self._stopped or self.running:
                return
            self.pid = 0
            if self._process is not None:
                self._process.wait()
                self._process = None
            try:
                self._run(ANSWER_S, interrupted)
            except (PyMongoError, OSError) as error:
                raise MongodUnavailable(f"mongod could not be started ({type(error).__name__}).") from None

    def stop(self) -> None:
        """End the database cleanly and let go of the data directory; stopping twice is no error."""
        with self._changing:
            if self.running:
                self._end(self.pid)
            if self._process is not None:
                # One that was killed by somebody else is gone, but not yet reaped.
                self._process.wait()
                self._process = None
            self.pid = 0
            self._stopped = True
            self._lock.release()

    def _run(self, answer_s: float, interrupted: threading.Event) -> None:
        orphan = _holder(self._database / "mongod.lock")
        if orphan and not self._answers(orphan, answer_s):
            self._end(orphan)
            orphan = 0
        try:
            self.pid = orphan or self._spawn(interrupted)
            self._initiate()
        except BaseException:
            if self._process is not None:
                self._end(self._process.pid)
            raise

    def _answers(self, pid: int, seconds: float) -> bool:
        """Return whether the mongod behind our socket is the process `pid`."""
        try:
            with _direct(self._socket, seconds) as client:
                return bool(client.admin.command("serverStatus")["pid"] == pid)
        except PyMongoError:
            return False

    def _spawn(self, interrupted: threading.Event) -> int:
        if self._log.exists() and self._log.stat().st_size > MAX_LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.old"))
        printed = self._log.with_name("mongod.out")
        with printed.open("wb") as output:
            # A session of its own: Ctrl-C in the terminal must reach the server before its database.
            self._process = subprocess.Popen(  # noqa: S603 - the binary was found or verified by find_mongod
                self._command(), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_S
        while not self._answers_ping():
            if self._process.poll() is not None:
                raise MongodUnavailable(explain_failure(self._printed(printed)))
            if time.monotonic() > deadline:
                raise MongodUnavailable(f"mongod did not serve within {START_S:.0f} s; see {self._log}.")
            if interrupted.wait(0.02):
                raise MongodUnavailable("The start of mongod was interrupted.")
        return self._process.pid

    def _printed(self, output: Path) -> str:
        text = output.read_text("utf-8", "replace").strip()
        if text or not self._log.exists():
            return text
        return self._log.read_text("utf-8", "replace").strip()

    def _command(self) -> list[str]:
        options = {
            "--dbpath": self._database,
            "--replSet": REPLICA_SET,
            "--bind_ip": self._socket,
            "--unixSocketPrefix": self._socket.parent,
            "--filePermissions": "0600",
            "--wiredTigerCacheSizeGB": f"{self._cache_mb / 1024:.3f}",
            "--wiredTigerCollectionBlockCompressor": "zstd",
            "--zstdDefaultCompressionLevel": COMPRESSION_LEVEL,
            "--oplogSize": "1024",
            "--logpath": self._log,
        }
        parameters = ("diagnosticDataCollectionEnabled=false", "shutdownTimeoutMillisForSignaledShutdown=0")
        command = [str(find_mongod()), "--noscripting", "--logappend", "--quiet"]
        for name, value in options.items():
            command += [name, str(value)]
        for parameter in parameters:
            command += ["--setParameter", parameter]
        return [*command, *self._flags]

    def _answers_ping(self) -> bool:
        if not self._socket.exists():
            return False
        try:
            with _direct(self._socket, 1.0) as client:
                client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    def _initiate(self) -> None:
        """Make the replica set, or move it to the present path of the socket, and wait for its primary."""
        config = {"_id": REPLICA_SET, "members": [{"_id": 0, "host": str(self._socket)}]}
        with _direct(self._socket, START_S) as client:
            try:
                current = client.admin.command("replSetGetConfig")["config"]
            except OperationFailure as failure:
                if failure.code not in (NOT_YET_INITIALIZED, INVALID_REPLICA_SET_CONFIG):
                    raise
                client.admin.command("replSetInitiate", config)
            else:
                if current["members"][0]["host"] != str(self._socket):
                    moved = {**current, "version": current["version"] + 1}
                    moved["members"] = [{**current["members"][0], "host": str(self._socket)}]
                    client.admin.command("replSetReconfig", moved, force=True)
            deadline = time.monotonic() + START_S
            while not client.admin.command("hello").get("isWritablePrimary"):
                if time.monotonic() > deadline:
                    raise MongodUnavailable(f"mongod took no writes within {START_S:.0f} s; see {self._log}.")
                time.sleep(0.01)

    def _end(self, pid: int) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                break
            if self._gone(pid, STOP_S):
                break

    def _gone(self, pid: int, seconds: float) -> bool:
        if self._process is not None and self._process.pid == pid:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                return False
            return True
        return _released(self._database, pid, seconds)


def _direct(socket: Path, seconds: float) -> MongoClient[dict[str, Any]]:
    # A client that saw the member before replSetInitiate never believes in its set: each use is a fresh one.
    return MongoClient(
        f"mongodb://{quote(str(socket), safe='')}/?directConnection=true",
        serverSelectionTimeoutMS=int(seconds * 1000),
    )


def wait_until_gone(data_dir: Path, pid: int) -> None:
    """Wait until the mongod `pid` of `data_dir`, started by whatever process, has ended."""
    _released(data_dir / "database", pid, STOP_S)


def _released(database: Path, pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _holder(database / "mongod.lock") == pid:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _holder(lock_file: Path) -> int:
    """Return the id of the running mongod that holds its lock file, 0 if none does."""
    try:
        with lock_file.open("r", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read().strip()
                return int(text) if text.isdigit() else 0
    except FileNotFoundError:
        return 0
    return 0
