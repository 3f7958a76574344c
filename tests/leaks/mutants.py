"""One mutant for each door: the View is dropped in exactly one place, or one other net is cut.

`DROPPED` says for each place where an interaction or operation asks the records through a View what the
two worlds have to see without it.  A place that is in no table fails `test_every_place_has_its_mutant`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

import pytest
from bson import decode, encode
from bson.raw_bson import RawBSONDocument

from fhir_server.access import decide, labelling, predicates
from fhir_server.interactions import governed, journal_lines, relabelling
from fhir_server.interactions.importing import known
from fhir_server.model.outcome import refuse
from fhir_server.model.predicate import AllOf, Everything
from fhir_server.model.view import View
from fhir_server.store import commit, conditions, replacements, searches
from fhir_server.store.records import MongoRecords
from tests.worlds.asking import Call
from tests.worlds.cast import CHOICE, PARTS
from tests.worlds.items import Item
from tests.worlds.scenarios import Scenario, Side

ALL: Final = View.unrestricted("test")

Break = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutant:
    """A fault, the part that would learn something by it, and the doors through which.

    `known` is a scenario that shows it, where random ones seldom do.
    """

    fault: Break
    part: str
    doors: tuple[str, ...]
    known: Scenario | None = None


def _care_team(call: Call, two: Item, *visible: Item) -> Scenario:
    """Return a scenario in which the second world alone has something hidden."""
    return Scenario(PARTS["care-team"], visible, Side(), Side((two,)), (call,))


BODY: Final = _care_team(
    Call("create-if-none", 0, 6, 1), Item("consent", "0s", mark=CHOICE), Item("provenance", "0v")
)
"""A Provenance is created unless there is one; its target is hidden, or is not there."""
DELETED: Final = _care_team(
    Call("vread", 27, 29, 2855), Item("consent", "1s", 6, mark=CHOICE, versions=2, deleted=True)
)
"""The version by which something hidden was deleted."""


def without_view(method: str, module: str) -> Break:
    """Return the fault that one module asks the records without its View."""

    def fault(patch: pytest.MonkeyPatch) -> None:
        real: Callable[..., Any] = getattr(MongoRecords, method)

        def asked(self: MongoRecords, *given: Any, **more: Any) -> Any:
            caller = sys._getframe(1).f_globals["__name__"]
            if caller == module:
                given = tuple(ALL if isinstance(one, View) else one for one in given)
            return real(self, *given, **more)

        patch.setattr(MongoRecords, method, asked)

    return fault


WRITES: Final = ("update", "patch", "delete", "meta-add")

DROPPED: Final[Mapping[tuple[str, str], tuple[str, tuple[str, ...]]]] = {
    ("interactions.read", "read"): ("care-team", ("read", "head", "read-bytes")),
    ("interactions.vread", "vread"): ("care-team", ("vread",)),
    ("interactions.history", "history_page"): ("care-team", ("history",)),
    ("interactions.search_type", "search"): ("care-team", ("search",)),
    ("interactions.search_type", "count"): ("care-team", ("search",)),
    ("interactions.lookup", "search"): ("care-team", ("create-if-none", "delete-where", "update-where")),
    ("interactions.update", "read"): ("care-team", WRITES),
    ("interactions.integrity", "read_many"): ("care-team", ("create",)),
    ("interactions.journal_lines", "read_many"): ("person", ("events", "journal")),
    ("interactions.transaction.resolve", "read_many"): ("care-team", ("transaction",)),
    ("interactions.item_labels", "read"): ("care-team", ("hide", "show")),
    ("operations.meta", "read"): ("care-team", ("meta",)),
    ("operations.validate", "read"): ("care-team", ("validate",)),
    ("interactions.search_type", "read"): ("care-team", ("whole",)),
    ("interactions.paging", "count"): ("care-team", ("pages",)),
    ("interactions.search_system", "search"): ("care-team", ("whole",)),
    ("interactions.search_system", "count"): ("care-team", ("whole",)),
    ("interactions.record_walk", "search"): ("care-team", ("whole",)),
    ("interactions.record_walk", "pointed"): ("care-team", ("whole",)),
    ("interactions.including", "search"): ("care-team", ("around",)),
    ("interactions.including", "read_many"): ("care-team", ("around",)),
    ("operations.lastn", "coded"): ("care-team", ("lastn",)),
    ("interactions.hopping", "ids"): ("care-team", ("chain",)),
    ("interactions.hopping", "pointed"): ("care-team", ("chain",)),
    ("interactions.search_system", "ids"): ("care-team", ("whole",)),
    ("interactions.merging", "search"): ("care-team", ("ordered",)),
}  # fmt: skip
"""(module, method of the records) → the part that would learn something, and the doors through which."""

SECOND: Final[Mapping[tuple[str, str], str]] = {
    ("interactions.relabelling", "read_many"): "labels flow from what the writer does not see; never answered",
    ("interactions.record_walk", "read_many"): "of the directory only, which is the same for all who read it",
    ("operations.everything", "read"): "the Patient whom the request names",
    ("operations.lastn", "read_many"): "reads what was found inside the View a moment before",
    ("interactions.mirroring", "read_many"): "the server's own mirrors of choices; never answered",
    ("interactions.history", "history_count"): "of one resource: behind a page inside the View; others need a person",
    ("interactions.ownership", "read"): "the gate asks first whether what a body refers to is seen",
    ("interactions.history_instance", "read"): "tells an empty page from nothing, behind the page itself",
    ("interactions.labels", "read_many"): "reads again what a search inside the View found",
    ("interactions.definitions_source", "search"): "definitions are of no person; compiled, never answered",
    ("interactions.resolving", "read"): "only where a profile says what a reference leads to; "
    "governed/test_validate_unseen compares a hidden target with an absent one",
    ("interactions.labels", "history"): "the past of what a read inside the View found",
    ("interactions.create", "read"): "reads what a search inside the View matched",
    ("interactions.replays", "vread"): "what the same actor wrote under its own key",
    ("interactions.integrity", "search"): "deletions in the strict mode: by the types of visible referrers",
    ("interactions.conditional_update", "read"): "only where clients choose ids, which no rule of `fr` allows",
    ("interactions.transaction.matching", "read"): "only where clients choose ids, which no rule of `fr` allows",
    ("interactions.governed", "read"): "whether what a body refers to is seen; its handler asks again",
    ("operations.meta", "entry_values"): "needs no person: no part reaches it, the store's own tests do",
    ("operations.set_role", "read"): "the Patient whom the request names",
    ("operations.see_as", "count"): "the person's own question; tests of `$see-as` compare it",
    ("operations.see_as", "read"): "the person's own question; tests of `$see-as` compare it",
    ("interactions.choice_calls", "read"): "a party of the directory",
    ("interactions.importing.person", "read"): "the Patient whom the request names",
    ("interactions.importing.replacing", "read_many"): "what Provenances found inside the View tell of, and that "
    "a search inside it found",
    ("operations.source", "read"): "behind a search for Provenances, which have the labels of what they tell of",
}  # fmt: skip
"""Places of which dropping the View changes no answer in this policy, and why."""


def _given_everything(module: Any, name: str) -> Break:
    """Return the fault that a function of the store is given the View of everything."""

    def fault(patch: pytest.MonkeyPatch) -> None:
        real = getattr(module, name)

        def asked(*given: Any, **more: Any) -> Any:
            return real(*(ALL if isinstance(one, View) else one for one in given), **more)

        patch.setattr(module, name, asked)

    return fault


def _conditions(patch: pytest.MonkeyPatch) -> None:
    real = conditions._asked
    patch.setattr(conditions, "_asked", lambda one, *rest: real(replace(one, view=ALL), *rest))


def _known(patch: pytest.MonkeyPatch) -> None:
    """Documents of the same id are known, whoever sees them."""

    def found(context: Any, request: Any, wanted: Any) -> Any:
        return context.records.search(wanted.plan, ALL).entries

    patch.setattr(known, "find", found)


def _history_of_its_time(patch: pytest.MonkeyPatch) -> None:
    """Superseded versions keep the labels that they had."""
    patch.setattr(replacements, "govern_past", lambda *given: None)


def _tombstones(patch: pytest.MonkeyPatch) -> None:
    """A deletion has no labels and no class."""

    def bare(encoded: RawBSONDocument, held: RawBSONDocument) -> RawBSONDocument:
        document = decode(encoded.raw)
        access = {**document["access"], "labels": [], "author": []}
        return RawBSONDocument(encode({**document, "access": access, "visibility": 1}))

    patch.setattr(replacements, "with_access_of", bare)


def _unknown_person(patch: pytest.MonkeyPatch) -> None:
    """A person who is unknown is not found, one who refused is."""
    real = governed.GovernedGate._decided

    def decided(self: Any, request: Any, owner: str, held: Any) -> View:
        if held is None:
            raise refuse("not-found", "There is no such person.")
        return real(self, request, owner, held)

    patch.setattr(governed.GovernedGate, "_decided", decided)


def _digest(patch: pytest.MonkeyPatch) -> None:
    """Cursors are bound to what the person chose."""
    real = decide._view

    def telling(case: Any, purpose: str, mode: Any) -> View:
        view = real(case, purpose, mode)
        object.__setattr__(view, "digest", sha256(repr(case.choices).encode()).digest())
        return view

    patch.setattr(decide, "_view", telling)


def _flow(patch: pytest.MonkeyPatch) -> None:
    """Labels do not flow."""
    patch.setattr(relabelling._Graph, "_takes", lambda self, draft: {})


def _class_flow(patch: pytest.MonkeyPatch) -> None:
    """The content of a document is of no class, which everyone reads."""
    real = labelling.Labelling.settled

    def settled(self: Any, facts: Any, type_class: int, node: Any, effect: Any) -> Any:
        return real(self, facts, 1 if facts.resource_type == "Binary" else type_class, node, effect)

    patch.setattr(labelling.Labelling, "settled", settled)


def _part_of_predicate(name: str, instead: Any) -> Break:
    return lambda patch: patch.setattr(predicates, name, instead)


def _sources(patch: pytest.MonkeyPatch) -> None:
    """Items hidden one by one do not hide what was made from them."""
    patch.setattr(predicates, "SourcesExclude", lambda hidden: Everything())


def _own(patch: pytest.MonkeyPatch) -> None:
    """Whoever is in the care team is taken for the depositor."""
    patch.setattr(predicates, "_own", lambda case: Everything())


def _hide_all(patch: pytest.MonkeyPatch) -> None:
    """To hide everything hides what has a label only."""
    real = predicates._visible
    patch.setattr(
        predicates,
        "_visible",
        lambda case: real(replace(case, choices=replace(case.choices, hide_all=False))),
    )


def _lines(patch: pytest.MonkeyPatch) -> None:
    """The log tells who acted that what was asked for by its id is there."""
    patch.setattr(journal_lines, "BY_ADDRESS", "no such label")


def _bodies(patch: pytest.MonkeyPatch) -> None:
    """What a body refers to binds the request, seen or not."""
    patch.setattr(governed.GovernedGate, "_check_seen", lambda *given: None)


def _residual(patch: pytest.MonkeyPatch) -> None:
    """Pages are found inside the View, but not what is said of their total or the next one."""
    real = searches.matching
    patch.setattr(searches, "matching", lambda plan, view: real(plan, ALL if plan.conditions else view))


OTHERS: Final[Mapping[str, Mutant]] = {
    "conditions-in-the-commit": Mutant(_conditions, "care-team", ("create-if-none",)),
    "documents-of-the-same-id": Mutant(_known, "care-team", ("import",)),
    "labels-of-their-time": Mutant(_history_of_its_time, "care-team", ("history", "vread")),
    "tombstones": Mutant(_tombstones, "care-team", ("read", "history", "vread"), DELETED),
    "cursors": Mutant(_digest, "care-team", ("search", "search-again")),
    "unknown-persons": Mutant(_unknown_person, "care-team", ("elsewhere",)),
    "flow": Mutant(_flow, "care-team", ("read", "search")),
    "flow-of-classes": Mutant(_class_flow, "nurse", ("read", "read-bytes")),
    "sources": Mutant(_sources, "care-team", ("read", "search")),
    "own": Mutant(_own, "care-team", ("read", "search")),
    "hide-all": Mutant(_hide_all, "care-team", ("read", "search")),
    "masks": Mutant(
        _part_of_predicate("_hides", lambda case: frozenset()), "break-glass", ("read", "search")
    ),
    "classes": Mutant(
        _part_of_predicate("_classes", lambda case: predicates._ALL_CLASSES), "nurse", ("read", "search")
    ),
    "withheld": Mutant(
        _part_of_predicate("_withheld", lambda *given: iter(())), "person", ("read", "search")
    ),
    "withheld-from-representatives": Mutant(
        _part_of_predicate("_withheld", lambda *given: iter(())), "representative", ("read", "search")
    ),
    "lines-by-address": Mutant(_lines, "care-team", ("read", "events", "batch")),
    "what-bodies-refer-to": Mutant(_bodies, "care-team", ("create-if-none",), BODY),
    "conditions-of-searches": Mutant(_residual, "care-team", ("search",)),
    "pages": Mutant(_given_everything(searches, "page_query"), "care-team", ("search",)),
}
"""Faults elsewhere, by name."""

__all__ = ["DROPPED", "OTHERS", "SECOND", "AllOf", "Mutant", "commit", "without_view"]
