"""The governed demo, played over HTTP: the operator makes a person known, she chooses, others deposit.

The record is that of the Bundles beside this file.  Clients of a governed server choose no ids: what the
Bundles call `Type/demo-…` gets the ids that the server gives.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from fhir_server import demo
from fhir_server.demo.cast import CAST, HOSPITAL, HOSPITAL_ID, OPERATOR, PERSON, SERVICE, Member
from fhir_server.model import exact_json

PATIENT: Final = "Patient/demo-odile"
INS: Final = "urn:oid:1.2.250.1.213.1.4.10|257033899904267"
NOTE: Final = "DocumentReference/demo-note"
"""What the person deposits herself."""
UNPLAYED: Final = frozenset({"Consent", "Binary"})
"""Choices are made by operations; documents are deposited with their bytes in them."""
REPRESENTED: Final = timedelta(days=365)
OK: Final = frozenset({200, 201})

Ask = Callable[[Member, str, str, bytes | None], tuple[int, Any]]
"""Sends a request for a member: method, path below the base, body; returns status and JSON."""


class DemoRefused(Exception):
    """The server did not let the demo be played; the text says what and why."""


@dataclass(frozen=True, slots=True)
class Played:
    """What the demo left: the id of the person, and how many resources it loaded, 0 where they were there."""

    patient: str
    resources: int


@dataclass(slots=True)
class Stage:
    """One performance: who asks, and the addresses of what was made so far."""

    ask: Ask
    addresses: dict[str, str] = field(default_factory=dict)
    """`Type/demo-…` → `Type/id`."""

    @property
    def patient(self) -> str:
        """The id of the person, once it is known."""
        return self.addresses[PATIENT].partition("/")[2]

    def as_(self, variable: str, method: str, path: str, body: Any = None) -> Any:
        """Return what a member is answered.  Raises DemoRefused."""
        member = next(one for one in CAST if one.variable == variable)
        if PATIENT in self.addresses:
            member = member.of(self.patient)
        data = None if body is None else exact_json.encode(body)
        status, answer = self.ask(member, method, path, data)
        if status not in OK:
            said = json.dumps(answer)[:300]
            raise DemoRefused(f"{variable} {method} {path} was answered {status}: {said}")
        return answer


def play(ask: Ask, now: datetime) -> Played:
    """Make the demo record unless it is there.  Raises DemoRefused."""
    stage = Stage(ask)
    bundles = [exact_json.decode(body)["entry"] for _, body in demo.bundles()]
    if _known(stage):
        if _deposited(stage):
            return Played(stage.patient, 0)
        raise DemoRefused("The demo record is there in part only; remove the data directory and start anew.")
    people, *clinical = bundles
    count = _deposit(stage, OPERATOR, people)
    for path, parameters in _choices(now):
        stage.as_(PERSON, "POST", f"Patient/{stage.patient}/{path}", _parameters(parameters))
    contents = {
        f"Binary/{one['resource']['id']}": one["resource"]["data"]
        for entries in clinical
        for one in entries
        if one["resource"]["resourceType"] == "Binary"
    }
    played = [
        _with_content(one, contents)
        for entries in clinical
        for one in entries
        if one["resource"]["resourceType"] not in UNPLAYED
    ]
    own = [one for one in played if one["request"]["url"] == NOTE]
    others = [one for one in played if one["request"]["url"] != NOTE]
    return Played(stage.patient, count + _deposit(stage, PERSON, own) + _deposit(stage, HOSPITAL, others))


def _known(stage: Stage) -> bool:
    """Return whether the person is known to the server already, and note its id."""
    member = next(one for one in CAST if one.variable == OPERATOR)
    status, found = stage.ask(member, "GET", f"Patient?identifier={quote(INS)}", None)
    if status not in OK or not found.get("entry"):
        return False
    stage.addresses[PATIENT] = f"Patient/{found['entry'][0]['resource']['id']}"
    return True


def _deposited(stage: Stage) -> bool:
    found = stage.as_(PERSON, "GET", f"DocumentReference?patient={stage.patient}&_summary=count")
    return bool(found["total"])


def _deposit(stage: Stage, variable: str, entries: Iterable[Mapping[str, Any]]) -> int:
    """Create resources in one transaction; return how many."""
    sent = list(entries)
    places = {one["request"]["url"]: f"urn:uuid:{uuid.uuid4()}" for one in sent}
    names = stage.addresses | places
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": places[one["request"]["url"]],
                "resource": _renamed({k: v for k, v in one["resource"].items() if k != "id"}, names),
                "request": {"method": "POST", "url": one["resource"]["resourceType"]},
            }
            for one in sent
        ],
    }
    answer = stage.as_(variable, "POST", "", bundle)
    for one, made in zip(sent, answer["entry"], strict=True):
        resource_type, id = made["response"]["location"].split("/_history/")[0].split("/")[-2:]
        stage.addresses[one["request"]["url"]] = f"{resource_type}/{id}"
    return len(sent)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a resource with the references to what the Bundles name by the names of this server."""
    if isinstance(value, dict):
        renamed = {key: _renamed(child, names) for key, child in value.items()}
        target = value.get("reference")
        known = names.get(target) if isinstance(target, str) else None
        return renamed if known is None else renamed | {"reference": known}
    return [_renamed(one, names) for one in value] if isinstance(value, list) else value


def _with_content(entry: Mapping[str, Any], contents: Mapping[str, str]) -> dict[str, Any]:
    """Return an entry with the bytes of its document in place of the address of a Binary."""
    resource = dict(entry["resource"])
    if resource["resourceType"] == "DocumentReference":
        resource["content"] = [_inline(one, contents) for one in resource["content"]]
    return {**entry, "resource": resource}


def _inline(content: Mapping[str, Any], contents: Mapping[str, str]) -> dict[str, Any]:
    attachment = dict(content["attachment"])
    data = contents.get(attachment.get("url", ""))
    if data is not None:
        del attachment["url"]
        attachment["data"] = data
    return {**content, "attachment": attachment}


def _choices(now: datetime) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return what the person chooses: operations on her record and their parameters."""
    actors = {one.variable: one.actor for one in CAST}
    return (
        _team(HOSPITAL_ID),
        _team(actors["DOCTOR"].identity),
        ("$set-role", {
            "valueReference": {"actor": _party(actors["TREATING_DOCTOR"].identity)},
            "valueCode": {"role": "treating-doctor"},
        }),
        ("$set-role", {
            "valueReference": {"actor": _party(actors["REPRESENTATIVE"].identity)},
            "valueCode": {"role": "representative"},
            "valueDateTime": {"end": (now + REPRESENTED).date().isoformat()},
        }),
        ("$set-role", {
            "valueReference": {"actor": _party(actors["CAREGIVER"].identity)},
            "valueCode": {"role": "caregiver", "category": ("synthesis", "care-plan")},
        }),
        ("$service", {"valueString": {"client": SERVICE}, "valueCode": {"category": ("treatment",)}}),
    )  # fmt: skip


def _team(party: str) -> tuple[str, dict[str, Any]]:
    return "$authorise", {
        "valueReference": {"actor": _party(party)},
        "valueCode": {"relation": "care-team"},
    }


def _party(text: str) -> dict[str, Any]:
    system, _, value = text.rpartition("|")
    return {"identifier": {"system": system, "value": value}}


def _parameters(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a Parameters resource of values by type and name; a tuple repeats its parameter."""
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": name, kind: value}
            for kind, values in given.items()
            for name, found in values.items()
            for value in (found if isinstance(found, tuple) else (found,))
        ],
    }
