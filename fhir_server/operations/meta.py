"""`$meta`, `$meta-add`, `$meta-delete`: profiles, labels and tags, apart from the versions of a resource.

Adding and deleting make no new version: the current one is rewritten in its place, with the same ETag.  It is
a write all the same, with its audit entry, and what is searched and who may see it follow at once.
Spec: https://hl7.org/fhir/R4/resource-operation-meta-add.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fhir_server.interactions import writing
from fhir_server.interactions.assemble import rewrite
from fhir_server.interactions.context import Context
from fhir_server.interactions.dispatch import Interaction, Level
from fhir_server.interactions.incoming import check_structure
from fhir_server.interactions.labels import guard
from fhir_server.interactions.operation_input import parameters_of, read_input
from fhir_server.interactions.preconditions import check_if_match, stale
from fhir_server.interactions.read import entity, not_found, reply_of
from fhir_server.interactions.replies import of_document
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.interactions.table import INSTANCE, TYPE
from fhir_server.interactions.update import read_current
from fhir_server.interactions.validating import validated
from fhir_server.interactions.writing import Changes, gave_up
from fhir_server.model import exact_json
from fhir_server.model.document import Stored
from fhir_server.model.unit_of_work import Replace, VersionConflict

Meta = dict[str, Any]
Change = Callable[[list[Any], list[Any]], list[Any]]

BASE = "http://hl7.org/fhir/OperationDefinition/Resource-"
LISTS = ("profile", "security", "tag")
MOST = 10_000
"""Values of `$meta` on a type or the system."""


def meta(context: Context, request: Request) -> Reply:
    """Return the meta of an instance, or all profiles, labels and tags in use on a type or the server."""
    read_input(context, request, BASE + "meta")
    if not request.id:
        return Reply(200, _returned(_in_use(context, request)))
    stored = context.records.read(request.resource_type, request.id, request.view)
    if stored is None:
        raise not_found()
    reply = reply_of(stored, request)
    if reply.status != 200:
        return reply
    return replace(reply, body=_returned(exact_json.decode(stored.body)["meta"]))


def meta_add(context: Context, request: Request) -> Reply:
    """Add the profiles, labels and tags that are not there yet; return the meta that results."""
    return _change(context, request, "meta-add", _added)


def meta_delete(context: Context, request: Request) -> Reply:
    """Remove the profiles, labels and tags that are there; return the meta that results."""
    return _change(context, request, "meta-delete", _removed)


def _change(context: Context, request: Request, code: str, change: Change) -> Reply:
    given = read_input(context, request, BASE + code)["meta"][0]
    for _ in range(context.limits.attempts):
        current = read_current(context, request)
        if current is None:
            raise not_found()
        reply_of(current, replace(request, conditions=replace(request.conditions, if_none_match=None)))
        check_if_match(request.conditions, current)
        try:
            return _rewritten(context, request, current, given, change)
        except VersionConflict:
            if request.conditions.if_match is not None:
                raise stale() from None
    raise gave_up()


def _rewritten(context: Context, request: Request, current: Stored, given: Meta, change: Change) -> Reply:
    resource = exact_json.decode(current.body)
    changed = {key: value for key, value in resource["meta"].items() if key not in LISTS}
    for name in LISTS:
        values = change(resource["meta"].get(name, []), given.get(name, []))
        if values:
            changed[name] = values
    shown = (Shown(current.owner, entity(current.resource_type, current.id, current.version)),)
    reply = Reply(200, _returned(changed), current.version, current.updated, shown=shown)
    if changed == resource["meta"]:
        return reply
    resource["meta"] = changed
    check_structure(context, resource, current.resource_type)
    validated(context, request, resource)
    resource = guard(context, request, resource, current, keeps=False)
    rewritten = rewrite(context, request, resource, current)
    document = rewritten.document
    rewrites = (Replace(document, current.version, current.facts),)
    changes = Changes(rewrites=rewrites, relabels=rewritten.relabels, flows=rewritten.flows)
    writing.commit(context, request, changes, [of_document(200, document)], 200)
    return replace(reply, audited=True)


def _added(there: list[Any], given: list[Any]) -> list[Any]:
    known = {_key(one) for one in there}
    fresh: dict[Any, Any] = {}
    for one in given:
        if _key(one) not in known:
            fresh.setdefault(_key(one), one)
    return [*there, *fresh.values()]


def _removed(there: list[Any], given: list[Any]) -> list[Any]:
    unwanted = {_key(one) for one in given}
    return [one for one in there if _key(one) not in unwanted]


def _key(value: Any) -> Any:
    """Profiles are their URL; of a label or tag, version and display do not count."""
    return (value.get("system"), value.get("code")) if isinstance(value, dict) else value


def _in_use(context: Context, request: Request) -> Meta:
    found: Meta = {}
    parameters = [f"_{name}" for name in LISTS]
    for entry in context.records.entry_values(request.resource_type or None, parameters, request.view, MOST):
        name, _, value = entry.partition("=")
        found.setdefault(name[1:], []).append(_read(name, value))
    return found


def _read(name: str, value: str) -> Any:
    if name == "_profile":
        return value.replace("%7C", "|")
    system, _, code = value.partition("|")
    return {key: part.replace("%7C", "|") for key, part in (("system", system), ("code", code)) if part}


def _returned(found: Meta) -> bytes:
    return exact_json.encode(parameters_of("return", "valueMeta", found))


_LEVELS: tuple[tuple[Level, str], ...] = (("system", ""), ("type", TYPE), ("instance", INSTANCE))

INTERACTIONS = (
    *(
        Interaction("$meta", level, "GET", f"{address}/$meta", meta, declared=False, definition=BASE + "meta")
        for level, address in _LEVELS
    ),
    *(
        Interaction(
            "$meta", level, "POST", f"{address}/$meta", meta,
            takes="resource", declared=False, definition=BASE + "meta",
        )
        for level, address in _LEVELS
    ),
    Interaction(
        "$meta-add", "instance", "POST", INSTANCE + "/$meta-add", meta_add,
        takes="resource", declared=False, definition=BASE + "meta-add",
    ),
    Interaction(
        "$meta-delete", "instance", "POST", INSTANCE + "/$meta-delete", meta_delete,
        takes="resource", declared=False, definition=BASE + "meta-delete",
    ),
)  # fmt: skip
