"""The entries that an answer leaves in the access log: one for each person, and who is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from fhir_server.interactions import notices
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Attempt, Request
from fhir_server.interactions.searchset import query_text
from fhir_server.model.altering import replace
from fhir_server.model.audit import BY_ADDRESS, AuditEntry
from fhir_server.model.outcome import SITUATIONS
from fhir_server.search.result_parameters import CURSOR

HISTORIES: Final = frozenset({"vread", "history-instance", "history-type", "history-system"})
ALONE: Final = frozenset({"create", "update", "patch", "delete"})
WRITES: Final = ALONE | {"transaction"}
PLAIN: Final = WRITES | {"read", "vread", "batch"}
"""Interactions of which the entities say what was asked."""
METHODS: Final = {
    "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "search-type": "GET",
    "search-system": "GET",
}  # fmt: skip
REFUSED: Final = "refused"
FIRST_ERROR: Final = 400
MAX_ASKED: Final = 2_000
"""Characters of a question that are kept."""
NOBODY: Final[Mapping[str | None, Sequence[str]]] = MappingProxyType({})


def audit_entries(
    context: Context,
    request: Request,
    status: int,
    touched: Iterable[tuple[str | None, Sequence[str]]],
    *,
    interaction: str | None = None,
    query: str | None = None,
    situation: str | None = None,
    attempts: Iterable[Attempt] = (),
    met: Mapping[str | None, Sequence[str]] = NOBODY,
    wrote: bool = False,
) -> tuple[AuditEntry, ...]:
    """Return one entry for each person whose record an answer touched, one in all when it touched none.

    `attempts` are what was refused of it: persons that nothing else of the answer touched have an entry for
    that.  `situation` says why an answer is a refusal.  Each entry carries the notices of the access itself.
    `met` are persons whom the request did not name, with what its entries asked: where nothing of theirs was
    shown, it does not tell.
    `wrote`: it is all written, and told by what was written.
    """
    named = interaction or request.interaction
    common = AuditEntry(
        id="", at=request.now, request_id=request.request_id,
        actor=request.view.actor, purpose=request.view.purpose,
        interaction=named, status=status, query=query, situation=situation,
    )  # fmt: skip
    if context.policy is not None:
        common = _governed(context, request, common)
    told = wrote or named in ALONE
    persons = {
        owner: _noted(
            context, request, common if entities or owner not in met else _met(common, met[owner]),
            owner, tuple(entities), told,
        )
        for owner, entities in touched
    }  # fmt: skip
    for attempt in _joined(attempts):
        said = attempt.asked or asked(request, named)
        refused = replace(common, owner=attempt.owner, rule=attempt.rule, request=said)
        refused = _by_address(refused, attempt.by_address)
        if status < FIRST_ERROR:  # one part of many was refused, the whole was answered
            refused = replace(refused, status=SITUATIONS[REFUSED].status, situation=REFUSED)
        if attempt.owner not in persons:
            attempted = notices.of_attempt(context, request, attempt.owner)
            persons[attempt.owner] = replace(refused, id=context.ids.new(request.now), notices=attempted)
    return tuple(persons.values()) or (_noted(context, request, common),)


def _met(common: AuditEntry, asked: Sequence[str]) -> AuditEntry:
    """Return the entry of what was met by address; `asked` is what its entries asked, if it has any."""
    return _by_address(replace(common, request=_lines(asked) or common.request), True)


def _joined(attempts: Iterable[Attempt]) -> Iterator[Attempt]:
    """Yield one attempt for each person: by address alone only where none of them named the person."""
    by_owner: dict[str | None, list[Attempt]] = {}
    for attempt in attempts:
        by_owner.setdefault(attempt.owner, []).append(attempt)
    for several in by_owner.values():
        named = [one for one in several if not one.by_address] or several
        yield replace(named[0], asked=_lines([one.asked for one in named if one.asked]))


def _lines(asked: Sequence[str]) -> str | None:
    """Return what several entries asked, a line for each that there is room for; None: nothing."""
    text = "\n".join(dict.fromkeys(asked))
    return (text if len(text) <= MAX_ASKED else text[:MAX_ASKED].rpartition("\n")[0]) or None


def asked(request: Request, interaction: str) -> str | None:
    """Return what was asked, `GET Type?parameters`, shortened where long; None: nothing in particular.

    Cursors are left out: they say nothing.
    """
    within = request.compartment
    parts = [] if within is None else [within.resource_type, within.id]
    parts += [request.resource_type, request.id]
    parts += [interaction] if interaction.startswith("$") else []
    parts += ["_history", request.version_id] if interaction in HISTORIES else []
    address = "/".join(part for part in parts if part)
    query = query_text(tuple(pair for pair in request.query if pair[0] != CURSOR))
    if not address and not query:
        return None
    method = METHODS.get(interaction) or ("GET" if request.body is None else "POST")
    text = f"{method} {address}{'?' if query else ''}{query}"
    return text if len(text) <= MAX_ASKED else text[:MAX_ASKED].rpartition("&")[0] or text[:MAX_ASKED]


def _governed(context: Context, request: Request, common: AuditEntry) -> AuditEntry:
    """Return the entry with who asked for what under which rule."""
    named = common.interaction
    said = bool(request.query) or named not in PLAIN or common.status >= FIRST_ERROR
    return replace(
        common,
        actor=request.actor.ref, agent=request.actor, purpose=request.purpose or common.purpose,
        rule=request.view.rule, mode=_mode(context, request), labels=notices.secret(request),
        request=asked(request, named) if said else None,
    )  # fmt: skip


def _mode(context: Context, request: Request) -> str:
    """Return the mode of the purpose, also where it was refused; that of the View where there is none."""
    modes = context.policy.purposes if context.policy is not None else {}
    asked = modes.get(request.purpose)
    return asked.name if asked is not None else request.view.mode


def _by_address(entry: AuditEntry, unnamed: bool) -> AuditEntry:
    return replace(entry, labels=(*entry.labels, BY_ADDRESS)) if unnamed else entry


def _noted(
    context: Context,
    request: Request,
    entry: AuditEntry,
    owner: str | None = None,
    entities: tuple[str, ...] = (),
    wrote: bool = False,
) -> AuditEntry:
    """Return the entry of what was answered about a person, with its id and its notices."""
    # What was written is told by itself, and what was refused showed nothing.
    untold = entry.status >= FIRST_ERROR or (wrote and entry.mode == notices.NORMAL)
    told = () if untold else notices.of_access(context, request, owner)
    id = context.ids.new(request.now)
    return replace(entry, id=id, owner=owner, entities=entities, notices=told)
