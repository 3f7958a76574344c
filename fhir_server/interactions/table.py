"""The table of all interactions: what is served, declared and documented is what stands here.

Spec: https://hl7.org/fhir/R4/http.html#summary
"""

from __future__ import annotations

from fhir_server.interactions.audit_log import (
    history_of_event,
    keep_out,
    or_log,
    read_event,
    search_events,
    search_events_within,
    vread_event,
)
from fhir_server.interactions.bundle import bundle
from fhir_server.interactions.capabilities import capabilities
from fhir_server.interactions.conditional_delete import conditional_delete
from fhir_server.interactions.conditional_update import conditional_update
from fhir_server.interactions.create import create
from fhir_server.interactions.delete import delete
from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.history_instance import history_instance
from fhir_server.interactions.history_system import history_system
from fhir_server.interactions.history_type import history_type
from fhir_server.interactions.patch import conditional_patch, patch
from fhir_server.interactions.read import read
from fhir_server.interactions.search_system import search_system
from fhir_server.interactions.search_type import search_type
from fhir_server.interactions.shaping import shaped, shaped_bundle
from fhir_server.interactions.update import update
from fhir_server.interactions.vread import vread

TYPE = "/<resource_type>"
INSTANCE = "/<resource_type>/<id>"
WITHIN = "/<compartment>/<compartment_id>"

_MEMBERS = shaped_bundle(or_log(search_type, search_events_within))
_SYSTEM = shaped_bundle(search_system)
_SEARCH = shaped_bundle(or_log(search_type, search_events))

INTERACTIONS: tuple[Interaction, ...] = (
    Interaction(
        "capabilities",
        "system",
        "GET",
        "/metadata",
        shaped(capabilities),
        logged=False,
        declared=False,
        public=True,
    ),
    Interaction("transaction", "system", "POST", "", bundle, takes="resource"),
    Interaction("batch", "system", "POST", "", bundle, takes="resource"),
    Interaction("read", "instance", "GET", INSTANCE, shaped(or_log(read, read_event))),
    Interaction(
        "vread", "instance", "GET", INSTANCE + "/_history/<version_id>", shaped(or_log(vread, vread_event))
    ),
    Interaction("update", "instance", "PUT", INSTANCE, or_log(update, keep_out), takes="resource"),
    Interaction("patch", "instance", "PATCH", INSTANCE, or_log(patch, keep_out), takes="patch"),
    Interaction("delete", "instance", "DELETE", INSTANCE, or_log(delete, keep_out)),
    Interaction(
        "history-instance",
        "instance",
        "GET",
        INSTANCE + "/_history",
        shaped_bundle(or_log(history_instance, history_of_event)),
    ),
    Interaction("history-type", "type", "GET", TYPE + "/_history", shaped_bundle(history_type)),
    Interaction("history-system", "system", "GET", "/_history", shaped_bundle(history_system)),
    Interaction("create", "type", "POST", TYPE, or_log(create, keep_out), takes="resource"),
    Interaction("update", "type", "PUT", TYPE, conditional_update, takes="resource", declared=False),
    Interaction("patch", "type", "PATCH", TYPE, conditional_patch, takes="patch", declared=False),
    Interaction("delete", "type", "DELETE", TYPE, conditional_delete, declared=False),
    Interaction("search-type", "type", "GET", TYPE, _SEARCH),
    Interaction("search-type", "type", "POST", TYPE + "/_search", _SEARCH, takes="form"),
    Interaction("search-system", "system", "GET", "", _SYSTEM),
    Interaction("search-system", "system", "POST", "/_search", _SYSTEM, takes="form"),
    Interaction("search-system", "instance", "GET", WITHIN + "/*", _SYSTEM, declared=False),
    Interaction(
        "search-system", "instance", "POST", WITHIN + "/*/_search", _SYSTEM, takes="form", declared=False
    ),
    Interaction("search-type", "instance", "GET", WITHIN + TYPE, _MEMBERS, declared=False),
    Interaction(
        "search-type", "instance", "POST", WITHIN + TYPE + "/_search", _MEMBERS, takes="form", declared=False
    ),
)
"""The first row of a method and address answers; the rows after it are declared."""
