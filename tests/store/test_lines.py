"""The shorter way to a database on this machine: what it answers, and what it leaves to the driver."""

from __future__ import annotations

import ast
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import MongoClient, monitoring
from pymongo.errors import ExecutionTimeout, NetworkTimeout, OperationFailure

from fhir_server.store import lines
from fhir_server.store.connection import connect, durable_database
from fhir_server.store.lines import Lines, Patience, local_socket
from fhir_server.store.open import StoreOptions, open_store
from fhir_server.store.reads import NAIVE, count, find_one, find_page
from tests.store.wire import Wire

STORE = Path(lines.__file__).parent
HEADER = struct.Struct("<iiiiIB")
Scripted = Callable[[int, dict[str, Any]], bytes]
"""The bytes that answer a command of a number; none: the line ends."""


@pytest.fixture(autouse=True)
def unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listeners that other tests registered for good are not told of the clients made here."""
    nobody = type(monitoring._LISTENERS)([], [], [], [], [])
    monkeypatch.setattr(monitoring, "_LISTENERS", nobody)


@pytest.fixture
def path(database_uri: str) -> str:
    found = local_socket(database_uri)
    assert found is not None, "the tests' database is one member behind a socket"
    return found


@pytest.fixture
def direct(path: str, database_name: str) -> Iterator[Lines]:
    opened = Lines(path, database_name)
    yield opened
    opened.close()


@pytest.fixture
def filled(database_uri: str, database_name: str) -> list[dict[str, Any]]:
    made = [{"_id": number, "text": "é" * 9_000, "even": number % 2 == 0} for number in range(40)]
    with MongoClient[dict[str, Any]](database_uri) as client:
        client.get_database(database_name)["things"].insert_many(made)
    return made


def reply(number: int, document: dict[str, Any], *, answered: int | None = None, kind: int = 2013) -> bytes:
    body = bson.encode(document)
    told = number if answered is None else answered
    return HEADER.pack(HEADER.size + len(body), 7, told, kind, 0, 0) + body


@contextmanager
def listening_at(path: Path) -> Iterator[socket.socket]:
    """Give a socket that somebody can connect to."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        yield listening


@contextmanager
def database_that_says(path: Path, scripted: Scripted) -> Iterator[str]:
    """Give the socket of something that answers as told, one line after the other."""

    def serve() -> None:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:
                return
            # Who cannot use an answer hangs up before all of it has come.
            with line, suppress(ConnectionError):
                while data := line.recv(1 << 20):
                    _, number, *_ = HEADER.unpack_from(data)
                    answer = scripted(number, bson.decode(data[HEADER.size :]))
                    if not answer:
                        break
                    for at in range(0, len(answer), 5):
                        line.sendall(answer[at : at + 5])

    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield str(path)
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        pytest.param("mongodb://%2Frun%2Fm.sock/?replicaSet=fhir", "/run/m.sock", id="embedded"),
        pytest.param("mongodb://%2Frun%2Fm.sock", "/run/m.sock", id="without-a-name"),
        pytest.param("mongodb://localhost:27017/?replicaSet=fhir", None, id="tcp"),
        pytest.param("mongodb://u:p@%2Frun%2Fm.sock/?replicaSet=fhir", None, id="credentials"),
        pytest.param("mongodb://%2Frun%2Fm.sock,%2Frun%2Fn.sock/?replicaSet=fhir", None, id="two-members"),
        pytest.param("mongodb://%2Frun%2Fm.sock/?readPreference=secondary", None, id="preference"),
        pytest.param("mongodb://%2Frun%2Fm.sock/?compressors=zlib", None, id="compression"),
        pytest.param("mongodb+srv://example.org/?replicaSet=fhir", None, id="looked-up-members"),
    ],
)
def test_only_one_member_behind_a_socket_and_nothing_else_is_reached(uri: str, expected: str | None) -> None:
    assert local_socket(uri) == expected


def test_an_answer_is_what_the_driver_reads(
    direct: Lines, database_uri: str, database_name: str, filled: list[dict[str, Any]]
) -> None:
    command = {"find": "things", "filter": {"even": True}, "sort": {"_id": 1}, "batchSize": 100}
    found = direct.ask(command, NAIVE)
    assert found is not None and len(bson.encode(found)) > 1 << 16, "more than comes at once"
    assert found["cursor"]["firstBatch"] == [one for one in filled if one["even"]]
    with MongoClient[dict[str, Any]](database_uri) as client:
        told = client.get_database(database_name).command(command)
    assert told["cursor"]["firstBatch"] == found["cursor"]["firstBatch"]


def test_many_threads_each_get_their_own_answer(direct: Lines, filled: list[dict[str, Any]]) -> None:
    wrong: list[int] = []

    def ask(number: int) -> None:
        for _ in range(30):
            found = direct.ask({"find": "things", "filter": {"_id": number}, "projection": {"_id": 1}}, NAIVE)
            if found is None or found["cursor"]["firstBatch"] != [{"_id": number}]:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_the_database_refuses_is_raised_as_the_driver_does(direct: Lines) -> None:
    with pytest.raises(OperationFailure) as refused:
        direct.ask({"find": "things", "filter": {"a": {"$no": 1}}}, NAIVE)
    assert refused.value.code == 2
    assert direct.ask({"ping": 1}, NAIVE) is not None, "the line is still good"


def test_a_line_that_was_closed_leaves_everything_to_the_driver(direct: Lines) -> None:
    assert direct.ask({"ping": 1}, NAIVE) is not None
    direct.close()
    assert direct.ask({"ping": 1}, NAIVE) is None


def test_nobody_there_is_left_to_the_driver(tmp_path: Path) -> None:
    assert Lines(str(tmp_path / "none.sock"), "any").ask({"ping": 1}, NAIVE) is None


@pytest.mark.parametrize(
    "scripted",
    [
        pytest.param(lambda number, command: b"", id="ended"),
        pytest.param(lambda number, command: reply(number, {"ok": 1.0}, answered=number + 1), id="another's"),
        pytest.param(lambda number, command: reply(number, {"ok": 1.0}, kind=1), id="another-kind"),
        pytest.param(lambda number, command: reply(number, {"ok": 0.0, "code": 10107}), id="no-primary"),
        pytest.param(lambda number, command: reply(number, {"ok": 0.0, "code": 91}), id="about-to-end"),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_driver(tmp_path: Path, scripted: Scripted) -> None:
    with database_that_says(tmp_path / "s", scripted) as there:
        talking = Lines(there, "any")
        assert talking.ask({"find": "things"}, NAIVE) is None
        talking.close()


def test_a_database_that_is_silent_is_waited_for_as_long_as_was_said(tmp_path: Path) -> None:
    heard = threading.Event()

    def silent(number: int, command: dict[str, Any]) -> bytes:
        heard.wait()
        return b""

    with database_that_says(tmp_path / "s", silent) as path:
        try:
            with pytest.raises(NetworkTimeout):
                Lines(path, "any", Patience(answer_s=0.05)).ask({"ping": 1}, NAIVE)
        finally:
            heard.set()


@pytest.mark.parametrize("first", [pytest.param(0, id="all"), pytest.param(3, id="end-of-the-header"),
                                   pytest.param(30, id="end-of-the-document")])  # fmt: skip
@pytest.mark.parametrize("there", [pytest.param(True, id="awaited"), pytest.param(False, id="left")])
def test_a_database_that_is_silent_is_waited_for_while_it_is_believed_to_be_there(
    tmp_path: Path, first: int, *, there: bool
) -> None:
    looked: list[bool] = []
    go = threading.Event()

    def believed() -> bool:
        looked.append(len(looked) < 3 or there)
        if len(looked) > 3:
            go.set()
        return looked[-1]

    answer = {"ok": 1.0, "text": "late"}
    with listening_at(tmp_path / "s") as listening:
        talking = Lines(str(tmp_path / "s"), "any", Patience(believed, answer_s=30, look_s=0.02))
        asked: list[Any] = []
        asking = threading.Thread(target=lambda: asked.append(talking.ask({"ping": 1}, NAIVE)))
        asking.start()
        line, _ = listening.accept()
        with line:
            _, number, *_ = HEADER.unpack_from(line.recv(1 << 20))
            line.sendall(reply(number, answer)[:first])
            assert go.wait(30)
            with suppress(ConnectionError):
                line.sendall(reply(number, answer)[first:])
            asking.join()
        talking.close()
    assert asked == [answer if there else None]
    assert len(looked) >= 4


def test_an_answer_in_pieces_is_put_together(tmp_path: Path) -> None:
    said = {"ok": 1.0, "text": "x" * 200_000}
    asked: list[dict[str, Any]] = []

    def scripted(number: int, command: dict[str, Any]) -> bytes:
        asked.append(command)
        return reply(number, said)

    with database_that_says(tmp_path / "s", scripted) as there:
        talking = Lines(there, "records")
        assert talking.ask({"find": "things"}, NAIVE) == said
        talking.close()
    assert asked == [{"find": "things", "$db": "records"}]


@pytest.mark.parametrize(
    ("size", "answered"),
    [
        pytest.param(lines.LARGEST, True, id="as-large-as-a-document"),
        pytest.param(lines.LARGEST + 1, False, id="larger"),
    ],
)
def test_a_command_larger_than_a_document_is_left_to_the_driver(
    direct: Lines, database_name: str, size: int, *, answered: bool
) -> None:
    command = {"find": "things", "comment": ""}
    command["comment"] = "x" * (size - len(bson.encode({**command, "$db": database_name})))
    assert (direct.ask(command, NAIVE) is not None) is answered


def test_a_query_that_took_too_long_is_told_apart(tmp_path: Path) -> None:
    def scripted(number: int, command: dict[str, Any]) -> bytes:
        return reply(number, {"ok": 0.0, "code": 50, "errmsg": "late"})

    with database_that_says(tmp_path / "s", scripted) as there:
        talking = Lines(there, "any")
        with pytest.raises(ExecutionTimeout):
            talking.ask({"find": "things"}, NAIVE)
        talking.close()


def test_a_database_that_came_back_is_asked_again(tmp_path: Path) -> None:
    def scripted(number: int, command: dict[str, Any]) -> bytes:
        return b"" if "end" in command else reply(number, {"ok": 1.0})

    with database_that_says(tmp_path / "s", scripted) as there:
        talking = Lines(there, "any")
        assert talking.ask({"end": 1}, NAIVE) is None
        assert talking.ask({"ping": 1}, NAIVE) == {"ok": 1.0}
        talking.close()


@pytest.mark.parametrize("short", [pytest.param(True, id="lines"), pytest.param(False, id="driver")])
def test_look_ups_are_the_same_on_both_ways(
    database_uri: str, database_name: str, filled: list[dict[str, Any]], *, short: bool
) -> None:
    client = connect(database_uri)
    database = durable_database(client, database_name, database_uri if short else None)
    assert (database.lines is not None) is short
    things = database["things"]
    assert find_one(things, {"_id": 3}, {"even": 1}) == {"_id": 3, "even": False}
    assert find_one(things, {"_id": -1}, {}) is None
    page = find_page(things, {"even": True}, {"_id": 1}, [("_id", -1)], None, 3)
    assert [one["_id"] for one in page] == [38, 36, 34]
    assert find_page(things, {}, {}, [("_id", 1)], "_id_", 0) == filled
    assert (count(things, {"even": True}), count(things, {}, "_id_", 7), count(things, {"_id": -1})) == (
        20,
        7,
        0,
    )
    if database.lines is not None:
        database.lines.close()
    client.close()


def test_a_store_on_a_socket_goes_the_shorter_way(database_uri: str, database_name: str) -> None:
    opened = open_store(database_uri, database_name)
    opened.close()
    assert opened.catalogue.lines is not None
    assert opened.catalogue.lines.ask({"ping": 1}, NAIVE) is None


def test_whoever_listens_to_the_driver_hears_everything(database_uri: str, database_name: str) -> None:
    opened = open_store(database_uri, database_name, StoreOptions(listeners=(Wire(),)))
    opened.close()
    assert opened.catalogue.lines is None


def test_only_look_ups_and_inserts_and_begun_transactions_go_this_way() -> None:
    asking = {
        file.stem
        for file in STORE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "ask"
    }
    assert asking == {"lines", "reads", "inserts", "begun"}
