"""A FHIR server of a few lines behind the standard library's WSGI server, to be measured by tests."""

from __future__ import annotations

import hashlib
import itertools
import json
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from conformance.load.expected import TESTS
from conformance.load.target import Target

JSON = [("Content-Type", "application/fhir+json")]
IMPORT = "$import-document"


class Stub:
    """Keeps what is posted in memory; `log` has (name, method, path) of every request, in order.

    `page_errors`: every search but the first one is answered 503.  `labour`: rounds of hashing that each
    answer costs.
    """

    def __init__(
        self, name: str, log: list[tuple[str, str, str]], *, page_errors: bool = False, labour: int = 1
    ) -> None:
        self.name = name
        self.log = log
        self.page_errors = page_errors
        self.labour = labour
        self.resources: dict[str, dict[str, Any]] = {}
        self.documents: list[bytes] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"].removeprefix("/fhir").strip("/")
        method = environ["REQUEST_METHOD"]
        hashlib.pbkdf2_hmac("sha256", b"work", b"", self.labour)
        with self._lock:
            self.log.append((self.name, method, path))
            length = int(environ.get("CONTENT_LENGTH") or 0)
            data = environ["wsgi.input"].read(length)
            if path == IMPORT:
                status, tree = self._import(data)
            else:
                sent = json.loads(data) if length else {}
                status, tree = self._answer(method, path, sent, environ["QUERY_STRING"])
        body = json.dumps(tree).encode()
        start_response(status, [*JSON, ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, method: str, path: str, sent: dict[str, Any], query: str) -> tuple[str, dict[str, Any]]:
        if method == "POST" and path:
            return "201 Created", self._keep(sent)
        if method == "POST":
            return "200 OK", self._transaction(sent)
        if "/" in path:
            found = self.resources.get(path)
            return ("200 OK", found) if found else ("404 Not Found", {})
        asked_before = sum(entry == (self.name, "GET", path) for entry in self.log) > 1
        if query and self.page_errors and asked_before:
            return "503 Service Unavailable", {}
        return "200 OK", self._page(query, path)

    def _import(self, document: bytes) -> tuple[str, dict[str, Any]]:
        """Take what was not sent before; make one resource fewer of all but the first."""
        is_new = document not in self.documents
        self.documents.append(document)
        if b"refused" in document:
            return "422 Unprocessable Entity", {}
        made = (4 if len(self.documents) == 1 else 3) if is_new else 0
        parts = [{"name": "type", "valueCode": "Observation"}, {"name": "created", "valueUnsignedInt": made}]
        return "200 OK", {"resourceType": "Parameters", "parameter": [{"name": "resource", "part": parts}]}

    def _keep(self, resource: dict[str, Any]) -> dict[str, Any]:
        resource["id"] = f"{self.name}-{next(self._numbers)}"
        self.resources[f"{resource['resourceType']}/{resource['id']}"] = resource
        return resource

    def _transaction(self, sent: dict[str, Any]) -> dict[str, Any]:
        kept = [self._keep(entry["resource"]) for entry in sent["entry"]]
        names = {
            entry["fullUrl"]: f"{resource['resourceType']}/{resource['id']}"
            for entry, resource in zip(sent["entry"], kept, strict=True)
        }
        for resource in kept:
            for member in ("subject", "encounter"):
                if member in resource:
                    resource[member] = {"reference": names[resource[member]["reference"]]}
        entries = [
            {"response": {"status": "201", "location": f"{name}/_history/1"}} for name in names.values()
        ]
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}

    def _page(self, query: str, kind: str) -> dict[str, Any]:
        asked = dict(parse_qsl(query))
        if "patient" not in asked:
            return {"resourceType": "CapabilityStatement"}
        found = [resource for resource in self.resources.values() if _matches(resource, kind, query)]
        entries = [{"resource": resource} for resource in found[: int(asked.get("_count", 0))]]
        return {"resourceType": "Bundle", "type": "searchset", "entry": entries}


def _matches(resource: dict[str, Any], kind: str, query: str) -> bool:
    tests = [(TESTS[name], value) for name, value in parse_qsl(query) if name in TESTS]
    return resource["resourceType"] == kind and all(test(resource, value) for test, value in tests)


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def running(stub: Stub) -> Iterator[Target]:
    """Give the address of a stub that is served by a thread of this process."""
    with make_server("127.0.0.1", 0, stub, server_class=_Server, handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield Target(stub.name, "127.0.0.1", server.server_port, "/fhir")
        finally:
            server.shutdown()
            thread.join()
