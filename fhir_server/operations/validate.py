"""`$validate`: is this right, and would it be accepted?

Asked is the whole validator, whatever a write is held to: structure, the rules of FHIR, the profiles that the
resource names and those of the call.  With a mode, also what that write needs.

Spec: https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fhir_server.interactions.assemble import refuse_subsetted
from fhir_server.interactions.context import Context
from fhir_server.interactions.definitions_check import Surroundings, definition_faults, is_definition
from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.incoming import FATAL, check_id
from fhir_server.interactions.operation_input import read_input
from fhir_server.interactions.read import entity, not_found
from fhir_server.interactions.request import Reply, Request, Shown
from fhir_server.interactions.resolving import Resolver
from fhir_server.interactions.table import INSTANCE, TYPE
from fhir_server.model import exact_json
from fhir_server.model.outcome import FhirError, Issue, operation_outcome, refuse

CANONICAL = "http://hl7.org/fhir/OperationDefinition/Resource-validate"
NAME = "$validate"
WRITES = frozenset({"create", "update"})
"""Modes that ask whether a write would be accepted."""


def validate(context: Context, request: Request) -> Reply:
    """Return the issues of a resource as an OperationOutcome: 200, whatever is found.

    On an instance without a resource in the request, what is stored is looked at.
    Raises FhirError for a call that makes no sense, and `not-found`.
    """
    given = read_input(context, request, CANONICAL)
    mode = given.get("mode", ["profile" if "profile" in given else ""])[0]
    if mode not in MODES:
        named = ", ".join(sorted(name for name in MODES if name))
        raise refuse("illegal-parameter-value", f"`mode` is one of {named}.")
    resolver = Resolver(context, request)
    looked_at: tuple[Shown, ...] = ()
    if "resource" in given:
        resource = given["resource"][0]
    else:
        resource, looked_at = _stored(context, request, mode)
    issues = MODES[mode](context, request, resource)
    if resource is not None:
        asked = [str(profile) for profile in given.get("profile", ())]
        if mode in WRITES:
            asked += context.demands.profiles_of(request.resource_type)
        issues = [*_found(context, request, resource, asked, resolver), *issues]
    if not any(issue.severity in FATAL for issue in issues):
        issues = [Issue("done", "Nothing is wrong with it.", severity="information"), *issues]
    body = exact_json.encode(operation_outcome(issues, context.canonical_base))
    return Reply(200, body, is_outcome=True, shown=(*looked_at, *resolver.shown))


def _found(
    context: Context, request: Request, resource: Any, asked: Sequence[str], resolver: Resolver
) -> list[Issue]:
    generation = context.definitions.current()
    profiles, unusable = generation.usable(asked)
    issues = generation.validator.validate(
        resource,
        profiles=profiles,
        expected_type=request.resource_type,
        resolve=resolver,
    )
    is_read = isinstance(resource, dict) and is_definition(resource)
    if is_read and not context.validator.validate(resource, request.resource_type):
        issues = [*issues, *definition_faults(Surroundings(generation, [resource]), resource)]
    return [*unusable, *issues]


def _stored(context: Context, request: Request, mode: str) -> tuple[Any, tuple[Shown, ...]]:
    """Return the stored resource that is to be looked at, if it is, and what that shows."""
    if not request.id:
        if mode == "delete":
            raise refuse("illegal-parameter-value", "`mode=delete` is asked of an instance.")
        raise refuse("empty-body", "A resource is expected, alone or as the parameter `resource`.")
    stored = context.records.read(request.resource_type, request.id, request.view)
    if stored is None or stored.deleted:
        raise not_found()
    shown = (Shown(stored.owner, entity(stored.resource_type, stored.id, stored.version)),)
    return None if mode == "delete" else exact_json.decode(stored.body), shown


def _nothing_more(_context: Context, _request: Request, _resource: Any) -> list[Issue]:
    return []


def _for_update(_context: Context, request: Request, resource: Any) -> list[Issue]:
    if not isinstance(resource, dict):
        return []
    if not request.id:
        found = "id" in resource
        text = "The resource of an update has an `id`."
        return [] if found else [Issue("id-mismatch", text, f"{request.resource_type}.id")]
    return _issues_of(lambda: check_id({"resourceType": request.resource_type, **resource}, request.id))


def _for_write(_context: Context, request: Request, resource: Any) -> list[Issue]:
    try:
        return _issues_of(lambda: refuse_subsetted(resource, request.resource_type))
    except (AttributeError, TypeError):
        return []  # not even the shape of a resource: the structure says so


def _update(context: Context, request: Request, resource: Any) -> list[Issue]:
    return [*_for_write(context, request, resource), *_for_update(context, request, resource)]


def _delete(context: Context, request: Request, _resource: Any) -> list[Issue]:
    if not request.id:
        raise refuse("illegal-parameter-value", "`mode=delete` is asked of an instance.")
    stored = context.records.read(request.resource_type, request.id, request.view)
    if stored is None or stored.deleted:
        raise not_found()
    return []


def _issues_of(check: Callable[[], None]) -> list[Issue]:
    try:
        check()
    except FhirError as error:
        return list(error.issues)
    return []


MODES: Mapping[str, Callable[[Context, Request, Any], list[Issue]]] = {
    "": _nothing_more,
    "profile": _nothing_more,
    "create": _for_write,
    "update": _update,
    "delete": _delete,
}

INTERACTIONS = (
    Interaction(
        NAME, "type", "POST", f"{TYPE}/{NAME}", validate,
        takes="resource", declared=False, definition=CANONICAL, impersonal=True,
    ),
    Interaction(
        NAME, "instance", "POST", f"{INSTANCE}/{NAME}", validate,
        takes="resource", declared=False, definition=CANONICAL,
    ),
    Interaction(
        NAME, "instance", "GET", f"{INSTANCE}/{NAME}", validate, declared=False, definition=CANONICAL
    ),
)  # fmt: skip
