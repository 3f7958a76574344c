"""The bare WSGI view over bare pymongo.  `create` is the factory called in each worker."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from conformance.load.exchange import ITEM_HEADER
from conformance.load.floor.asking import asked
from conformance.load.floor.documents import Document, Sample, clones
from conformance.load.floor.settings import BASE_PATH, VARIABLE, FloorSettings

ITEM_KEY = "HTTP_" + ITEM_HEADER.upper().replace("-", "_")
DURABLE = WriteConcern(w="majority", j=True)
MAJORITY = {"level": "majority"}
BODY_ONLY = {"_id": 0, "body": 1}
NEWEST_FIRST = {"search.sort.date": -1, "seq": -1}
COMMON_HEADERS = [("Content-Type", "application/fhir+json; charset=utf-8"), ("ETag", 'W/"1"')]

Answer = tuple[str, bytes]
WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def create() -> WsgiApplication:
    """Return the application of one worker, with a client of its own."""
    settings = FloorSettings.read(Path(os.environ[VARIABLE]))
    return Floor(MongoClient(settings.uri), settings)


class Floor:
    """Reads, finds a page, inserts one and inserts 300: one MongoDB operation or transaction each."""

    def __init__(self, client: MongoClient[Document], settings: FloorSettings) -> None:
        self._client = client
        self._database = client.get_database(settings.database, write_concern=DURABLE)
        self._collections: dict[str, Collection[Document]] = {}
        self._creates = [self._sample(*place) for place in settings.creates]
        self._transactions = [[self._sample(*place) for place in places] for places in settings.transactions]
        self._hints: dict[tuple[str, tuple[str, str]], str] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"].removeprefix(BASE_PATH).strip("/")
        status, body = self._answer(environ, path)
        start_response(status, [*COMMON_HEADERS, ("Content-Length", str(len(body)))])
        return [body]

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _answer(self, environ: dict[str, Any], path: str) -> Answer:
        if environ["REQUEST_METHOD"] == "POST":
            environ["wsgi.input"].read()
            item = int(environ[ITEM_KEY])
            return self._create(item) if path else self._transaction(item)
        resource_type, _, resource_id = path.partition("/")
        if resource_id:
            return self._read(resource_type, resource_id)
        return self._page(resource_type, environ["QUERY_STRING"])

    def _collection(self, name: str) -> Collection[Document]:
        found = self._collections.get(name)
        if found is None:
            found = self._collections[name] = self._database[name]
        return found

    def _sample(self, resource_type: str, resource_id: str) -> Sample:
        document = self._collection(resource_type).find_one({"_id": resource_id})
        if document is None:
            raise LookupError(f"A sample {resource_type} is not in the database that was copied.")
        return resource_type, document

    def _find(self, collection: str, condition: Document, limit: int, **more: Any) -> list[str]:
        """The bodies of one batch.  A command of its own is a third cheaper than the driver's cursor."""
        command = {"find": collection, "filter": condition, "projection": BODY_ONLY, "limit": limit}
        reply: Document = self._database.command(
            {**command, "singleBatch": True, "readConcern": MAJORITY, **more}
        )
        return [found["body"] for found in reply["cursor"]["firstBatch"]]

    def _read(self, resource_type: str, resource_id: str) -> Answer:
        bodies = self._find(resource_type, {"_id": resource_id}, 1)
        return ("200 OK", bodies[0].encode()) if bodies else ("404 Not Found", b"{}")

    def _page(self, resource_type: str, query: str) -> Answer:
        wanted = asked(query)
        hint = self._hint(resource_type, wanted.index)
        if not wanted.count:
            total = self._database.command(
                {"count": resource_type, "query": wanted.condition, "hint": hint, "readConcern": MAJORITY}
            )["n"]
            return "200 OK", f'{{"resourceType":"Bundle","type":"searchset","total":{total}}}'.encode()
        bodies = self._find(resource_type, wanted.condition, wanted.count + 1, sort=NEWEST_FIRST, hint=hint)[
            : wanted.count
        ]
        entries = ",".join([f'{{"resource":{body}}}' for body in bodies])
        return "200 OK", f'{{"resourceType":"Bundle","type":"searchset","entry":[{entries}]}}'.encode()

    def _hint(self, resource_type: str, keys: tuple[str, str]) -> str:
        """The name of the index that begins with two keys, looked up once."""
        hint = self._hints.get((resource_type, keys))
        if hint is None:
            specifications = self._collection(resource_type).index_information()
            hint = next(
                name
                for name, index in specifications.items()
                if tuple(key for key, _ in index["key"])[:2] == keys
            )
            self._hints[resource_type, keys] = hint
        return hint

    def _create(self, item: int) -> Answer:
        name, sample = self._creates[item % len(self._creates)]
        document = clones([(name, sample)])[name][0]
        self._collection(name).insert_one(document)
        return "201 Created", document["body"].encode()

    def _transaction(self, item: int) -> Answer:
        grouped = clones(self._transactions[item % len(self._transactions)])

        def insert(session: ClientSession) -> None:
            for name, documents in grouped.items():
                self._collection(name).insert_many(documents, session=session)

        with self._client.start_session() as session:
            session.with_transaction(insert, read_concern=ReadConcern("snapshot"), write_concern=DURABLE)
        entries = ",".join(
            f'{{"response":{{"status":"201","location":"{name}/{document["_id"]}/_history/1"}}}}'
            for name, documents in grouped.items()
            for document in documents
        )
        return (
            "200 OK",
            f'{{"resourceType":"Bundle","type":"transaction-response","entry":[{entries}]}}'.encode(),
        )
