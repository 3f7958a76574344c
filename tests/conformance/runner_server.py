"""A FHIR server of the standard library, small and right, to be made wrong one defect at a time.

It keeps Patients and Observations and the like in memory, in JSON, and declares what it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from conformance.instants import BadInstant, instant
from conformance.literal_json import NotJson, Number, decode, encode
from tests.conformance.runner_serving import Answer, Ask, Reply, Tree

JSON_TYPES = {"application/fhir+json", "application/json", "text/json", "json", "*/*", "application/*"}
TYPES = {"Patient": {"identifier", "active", "name", "gender", "birthDate", "link",
                     "address", "photo", "maritalStatus"},
         "Observation": {"identifier", "status", "code", "subject", "valueQuantity", "component",
                         "performer", "effectiveDateTime", "issued", "contained"},
         "Organization": {"name"}}  # fmt: skip
SHARED = {"resourceType", "id", "meta", "extension", "text"}
GENDERS = {"male", "female", "other", "unknown"}
INTERACTIONS = ["read", "vread", "update", "delete", "history-instance", "create", "search-type"]


class Refused(Exception):
    def __init__(self, status: int, code: str, expression: str | None = None, **headers: str) -> None:
        super().__init__(code)
        issue: Tree = {"severity": "error", "code": code, "diagnostics": code}
        if expression:
            issue["expression"] = [expression]
        outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
        self.reply = Reply(status, outcome, headers)


@dataclass(frozen=True)
class Version:
    number: int
    method: str
    at: datetime
    resource: Tree | None

    @property
    def headers(self) -> dict[str, str]:
        return {"ETag": f'W/"{self.number}"', "Last-Modified": format_datetime(self.at, usegmt=True)}


Defect = Callable[[Ask, Answer], Reply]


class SmallServer:
    """One address space of resources; `defect` stands between the requests and the right answers."""

    def __init__(self, defect: Defect | None = None) -> None:
        self.versions: dict[tuple[str, str], list[Version]] = {}
        self.base = ""
        self._numbers = count(1)
        self._lock = threading.RLock()
        self._defect = defect

    def answer(self, ask: Ask) -> Reply:
        with self._lock:
            return self._defect(ask, self.right) if self._defect else self.right(ask)

    def right(self, ask: Ask) -> Reply:
        try:
            self._negotiate(ask)
            return self._route(ask)
        except Refused as refused:
            return refused.reply

    def _negotiate(self, ask: Ask) -> None:
        wanted = ask.query.get("_format", ask.header("Accept") or "*/*").replace("fhir json", "fhir+json")
        ranges = [part.split(";")[0].strip() for part in wanted.split(",")]
        if not any(name in JSON_TYPES for name in ranges):
            raise Refused(406, "not-supported")

    def _route(self, ask: Ask) -> Reply:
        parts = [part for part in ask.path.split("/") if part]
        method = "GET" if ask.method == "HEAD" else ask.method
        if parts == ["metadata"]:
            return self._metadata() if method == "GET" else _not_allowed("GET")
        if not parts:
            return self.bundle(ask) if method == "POST" else _not_allowed("POST")
        if parts[0] not in TYPES or any(part.startswith("$") for part in parts):
            raise Refused(404, "not-supported")
        shape = (method, len(parts), parts[2] if len(parts) > 2 else "")
        handler = {
            ("GET", 1, ""): self.search, ("POST", 1, ""): self.create, ("GET", 2, ""): self.read,
            ("PUT", 2, ""): self.update, ("DELETE", 2, ""): self.delete,
            ("GET", 3, "_history"): self.history, ("GET", 4, "_history"): self.vread,
        }.get(shape)  # fmt: skip
        if handler is None:
            raise Refused(405 if len(parts) < 3 else 404, "not-supported")
        return handler(ask, *(part for part in parts if part != "_history"))

    def _metadata(self) -> Reply:
        resources = [{
            "type": name, "interaction": [{"code": code} for code in INTERACTIONS],
            "versioning": "versioned-update", "updateCreate": True, "conditionalCreate": True,
            "conditionalRead": "full-support",
            "searchParam": [{"name": "identifier", "type": "token"}, {"name": "_id", "type": "token"}],
        } for name in TYPES]  # fmt: skip
        return Reply(200, {
            "resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01",
            "kind": "instance", "fhirVersion": "4.0.1", "format": ["json"],
            "software": {"name": "Small", "version": "1"},
            "rest": [{"mode": "server", "resource": resources,
                      "interaction": [{"code": "transaction"}, {"code": "batch"}]}],
        })  # fmt: skip

    # what one resource can be asked

    def create(self, ask: Ask, kind: str) -> Reply:
        resource = self._parsed(ask, kind)
        criteria = ask.header("If-None-Exist")
        if criteria is not None:
            found = self.found(kind, dict(parse_qsl(criteria)), strict=True)
            if len(found) > 1:
                raise Refused(412, "multiple-matches")
            if found:
                return self._told(found[0], 200, ask)
        return self._written(kind, f"n{next(self._numbers)}", "POST", resource, ask)

    def update(self, ask: Ask, kind: str, id: str) -> Reply:
        resource = self._parsed(ask, kind)
        if not id.replace("-", "").replace(".", "").isalnum() or len(id) > 64:
            raise Refused(400, "value")
        if resource.get("id") != id:
            raise Refused(400, "value")
        current = self._last(kind, id)
        match = ask.header("If-Match")
        if match is not None and (current is None or match != f'W/"{current.number}"'):
            raise Refused(412 if match.startswith("W/") else 400, "conflict")
        if ask.header("If-None-Match") == "*" and current and current.resource:
            raise Refused(412, "conflict")
        return self._written(kind, id, "PUT", resource, ask)

    def read(self, ask: Ask, kind: str, id: str) -> Reply:
        version = self._last(kind, id)
        if version is None:
            raise Refused(404, "not-found")
        if version.resource is None:
            raise Refused(410, "deleted")
        tags, since = ask.header("If-None-Match"), ask.header("If-Modified-Since")
        if tags and f'"{version.number}"' in [tag.strip().removeprefix("W/") for tag in tags.split(",")]:
            return Reply(304, None, version.headers)
        if since and not tags and _is_date(since) and version.at <= instant(since):
            return Reply(304, None, version.headers)
        return Reply(200, version.resource, version.headers)

    def vread(self, _ask: Ask, kind: str, id: str, number: str) -> Reply:
        for version in self.versions.get((kind, id), ()):
            if str(version.number) == number:
                if version.resource is None:
                    raise Refused(410, "deleted")
                return Reply(200, version.resource, version.headers)
        raise Refused(404, "not-found")

    def delete(self, _ask: Ask, kind: str, id: str) -> Reply:
        current = self._last(kind, id)
        if current is not None and current.resource is not None:
            self.versions[kind, id].append(Version(current.number + 1, "DELETE", _now(), None))
        return Reply(204)

    def history(self, ask: Ask, kind: str, id: str) -> Reply:
        versions = self.versions.get((kind, id))
        if versions is None:
            raise Refused(404, "not-found")
        since = ask.query.get("_since")
        if since is not None and not _is_date(since):
            raise Refused(400, "value")
        newest = [v for v in reversed(versions) if since is None or v.at >= instant(since)]
        newest = [v for v in newest if v.number <= int(ask.query.get("upto", v.number))]
        size = int(ask.query.get("_count", 100))
        links = [{"relation": "self", "url": f"{self.base}/{kind}/{id}/_history"}]
        if len(newest) > size:
            upto = newest[size].number
            url = f"{self.base}/{kind}/{id}/_history?_count={size}&upto={upto}"
            links.append({"relation": "next", "url": url})
        page = [self._entry(kind, id, version) for version in newest[:size]]
        tree: Tree = {
            "resourceType": "Bundle",
            "type": "history",
            "total": Number(str(len(versions))),
            "link": links,
        }
        return Reply(200, {**tree, **({"entry": page} if page else {})})

    def search(self, ask: Ask, kind: str) -> Reply:
        strict = "strict" in (ask.header("Prefer") or "")
        known = {k: v for k, v in ask.query.items() if k in ("identifier", "_id")}
        if strict and set(ask.query) - set(known) - {"_count", "_format"}:
            raise Refused(400, "not-supported")
        entries = [
            {"fullUrl": f"{self.base}/{kind}/{found['id']}", "resource": found, "search": {"mode": "match"}}
            for found in (version.resource for version in self.found(kind, known)) if found
        ]  # fmt: skip
        links = [{"relation": "self", "url": f"{self.base}/{kind}"}]
        tree: Tree = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": Number(str(len(entries))),
            "link": links,
        }
        return Reply(200, {**tree, **({"entry": entries} if entries else {})})

    def found(self, kind: str, criteria: Mapping[str, str], strict: bool = False) -> list[Version]:
        if strict and not (criteria and set(criteria) <= {"identifier", "_id"}):
            raise Refused(412, "required")
        wanted = [
            versions[-1] for (other, _), versions in self.versions.items()
            if other == kind and versions[-1].resource is not None
        ]  # fmt: skip
        if "_id" in criteria:
            wanted = [v for v in wanted if v.resource and v.resource["id"] == criteria["_id"]]
        if "identifier" in criteria:
            value = criteria["identifier"].rpartition("|")[2]
            wanted = [v for v in wanted if v.resource and any(
                identifier.get("value") == value for identifier in v.resource.get("identifier", ()))]  # fmt: skip
        return wanted

    # Bundles

    def bundle(self, ask: Ask) -> Reply:
        sent = self._decoded(ask)
        if sent.get("resourceType") != "Bundle" or sent.get("type") not in ("batch", "transaction"):
            raise Refused(400, "invalid")
        before = {key: list(versions) for key, versions in self.versions.items()}
        entries = sent.get("entry", [])
        replies: list[Tree] = []
        for number, entry in enumerate(entries):
            reply = self._entry_reply(entry)
            if sent["type"] == "transaction" and reply.status >= 400:
                self.versions = before
                raise Refused(400, "invalid", f"Bundle.entry[{number}]")
            replies.append(self._response(reply))
        kind = f"{sent['type']}-response"
        tree: Tree = {"resourceType": "Bundle", "type": kind}
        return Reply(200, {**tree, **({"entry": replies} if replies else {})})

    def _entry_reply(self, entry: Tree) -> Reply:
        request = entry.get("request")
        if not isinstance(request, dict):
            return Refused(400, "required").reply
        address = urlsplit(request["url"])
        body = encode(entry["resource"]).encode() if "resource" in entry else b""
        headers = {"Content-Type": "application/fhir+json"}
        if "ifNoneExist" in request:
            headers["If-None-Exist"] = request["ifNoneExist"]
        return self.right(Ask(request["method"], address.path, dict(parse_qsl(address.query)), headers, body))

    def _response(self, reply: Reply) -> Tree:
        response: Tree = {"status": str(reply.status)}
        if "Location" in reply.headers:
            response["location"] = reply.headers["Location"]
        if "ETag" in reply.headers:
            response["etag"] = reply.headers["ETag"]
        if reply.status >= 400:
            return {"response": {**response, "outcome": reply.tree}}
        return {"resource": reply.tree, "response": response} if reply.tree else {"response": response}

    # how resources are written and told

    def _decoded(self, ask: Ask) -> Tree:
        if (ask.header("Content-Type") or "").split(";")[0] not in JSON_TYPES - {"*/*", "application/*"}:
            raise Refused(415, "not-supported")
        try:
            tree = decode(ask.body)
            encode(tree).encode()
        except (NotJson, UnicodeEncodeError):
            raise Refused(400, "structure") from None
        if not isinstance(tree, dict):
            raise Refused(400, "structure")
        return tree

    def _parsed(self, ask: Ask, kind: str) -> Tree:
        tree = self._decoded(ask)
        if tree.get("resourceType") != kind:
            raise Refused(400, "invalid")
        if kind == "Observation" and "status" not in tree:
            raise Refused(422, "required", "Observation.status")
        if tree.get("gender", "other") not in GENDERS or _has_empty(tree):
            raise Refused(422, "code-invalid", "Patient.gender")
        for name in tree:
            if name.lstrip("_") not in TYPES[kind] | SHARED:
                raise Refused(422, "structure", f"{kind}.{name}")
        return tree

    def _written(self, kind: str, id: str, method: str, resource: Tree, ask: Ask) -> Reply:
        current = self._last(kind, id)
        number = current.number + 1 if current else 1
        at = _now()
        meta = {**resource.get("meta", {}), "versionId": str(number), "lastUpdated": at.isoformat()}
        version = Version(number, method, at, {**resource, "id": id, "meta": meta})
        self.versions.setdefault((kind, id), []).append(version)
        return self._told(version, 201 if current is None or current.resource is None else 200, ask)

    def _told(self, version: Version, status: int, ask: Ask) -> Reply:
        resource = version.resource
        assert resource is not None
        location = f"{self.base}/{resource['resourceType']}/{resource['id']}/_history/{version.number}"
        prefer = ask.header("Prefer") or ""
        tree: Tree | None = resource if "minimal" not in prefer else None
        if "OperationOutcome" in prefer:
            issue = {"severity": "information", "code": "informational"}
            tree = {"resourceType": "OperationOutcome", "issue": [issue]}
        return Reply(status, tree, {**version.headers, "Location": location})

    def _entry(self, kind: str, id: str, version: Version) -> Tree:
        entry: Tree = {
            "fullUrl": f"{self.base}/{kind}/{id}",
            "request": {"method": version.method, "url": f"{kind}/{id}"},
            "response": {"status": "200", "etag": version.headers["ETag"],
                         "lastModified": version.at.isoformat()},
        }  # fmt: skip
        return entry if version.resource is None else {**entry, "resource": version.resource}

    def _last(self, kind: str, id: str) -> Version | None:
        versions = self.versions.get((kind, id))
        return versions[-1] if versions else None


def _not_allowed(allow: str) -> Reply:
    raise Refused(405, "not-supported", Allow=allow)


def _has_empty(tree: Any) -> bool:
    values = list(tree.values()) if isinstance(tree, dict) else tree if isinstance(tree, list) else []
    return tree in ({}, [], "") or any(_has_empty(value) for value in values)


def _is_date(text: str) -> bool:
    try:
        instant(text)
    except BadInstant:
        return False
    return True


def _now() -> datetime:
    """Whole seconds would do; HTTP knows no finer ones."""
    return datetime.now(UTC).replace(microsecond=0)
