"""What became of every resource: counts by type and outcome, and each refusal with its reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fhir_server.commands.loading.parcels import Entry, Parcel
from fhir_server.commands.loading.sender import Answer
from fhir_server.model import exact_json
from fhir_server.model.outcome import FhirError

CREATED, UPDATED, FOUND, DELETED, READ, FAILED = "created", "updated", "found", "deleted", "read", "failed"
OUTCOMES = (CREATED, UPDATED, FOUND, DELETED, READ, FAILED)
"""`found` is a conditional create whose resource was there already."""

OUTCOME_OF = {
    ("POST", 201): CREATED, ("POST", 200): FOUND, ("PUT", 201): CREATED, ("PUT", 200): UPDATED,
    ("DELETE", 204): DELETED, ("DELETE", 200): DELETED, ("GET", 200): READ, ("HEAD", 200): READ,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """One refusal: where it was found, the status (0: not sent) and the texts of the OperationOutcome."""

    place: str
    status: int
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one entry."""

    entry: Entry
    outcome: str
    failure: Failure | None = None


@dataclass(slots=True)
class Report:
    """The sum so far."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    skipped: int = 0
    """Parcels that the journal already held."""

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count what became of a parcel; a failure that several entries share is listed once."""
        for outcome in outcomes:
            self.counts[outcome.entry.resource_type, outcome.outcome] += 1
            if outcome.failure is not None and outcome.failure not in self.failures[-1:]:
                self.failures.append(outcome.failure)

    def total(self, outcome: str) -> int:
        """Return how many resources had that outcome."""
        return sum(count for (_, known), count in self.counts.items() if known == outcome)

    def by_type(self) -> dict[str, dict[str, int]]:
        """Return the counts by type and outcome, in the order of the names."""
        types = sorted({resource_type for resource_type, _ in self.counts})
        return {name: {o: self.counts[name, o] for o in OUTCOMES if self.counts[name, o]} for name in types}


def is_refused_whole(parcel: Parcel, answer: Answer) -> bool:
    """Return whether a transaction of ours was refused for its content, so that its parts may fare better."""
    return bool(parcel.parts) and 400 <= answer.status < 500


def outcomes(parcel: Parcel, answer: Answer) -> Iterator[Outcome]:
    """Yield what became of each entry of a parcel."""
    if answer.status >= 400:
        failure = Failure(parcel.place, answer.status, tuple(_texts(_tree(answer.body))))
        yield from (Outcome(entry, FAILED, failure) for entry in parcel.entries)
    elif parcel.path:
        entry = parcel.entries[0]
        yield Outcome(entry, OUTCOME_OF.get((entry.method, answer.status), READ))
    else:
        yield from _of_entries(parcel, _tree(answer.body))


def _of_entries(parcel: Parcel, bundle: dict[str, Any]) -> Iterator[Outcome]:
    answered = bundle.get("entry", [])
    for index, entry in enumerate(parcel.entries):
        response = answered[index].get("response", {}) if index < len(answered) else {}
        status = int(str(response.get("status", "0"))[:3] or 0)
        if 200 <= status < 300 or status == 304:
            yield Outcome(entry, OUTCOME_OF.get((entry.method, status), READ))
        else:
            texts = tuple(_texts(response.get("outcome", {}))) or ("The answer says nothing of this entry.",)
            yield Outcome(entry, FAILED, Failure(entry.place, status, texts))


def _tree(body: bytes) -> dict[str, Any]:
    try:
        tree = exact_json.decode(body)
    except FhirError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _texts(outcome: dict[str, Any]) -> Iterator[str]:
    for issue in outcome.get("issue", []):
        text = issue.get("details", {}).get("text") or issue.get("diagnostics") or issue.get("code", "")
        places = ", ".join(issue.get("expression", []))
        yield f"{places}: {text}" if places else str(text)
