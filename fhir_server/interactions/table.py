"""The table of all interactions: what is served, declared and documented is what stands here.

Spec: https://hl7.org/fhir/R4/http.html#summary
"""

from __future__ import annotations

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
from fhir_server.interactions.search_type import search_type
from fhir_server.interactions.shaping import shaped, shaped_bundle
from fhir_server.interactions.update import update
from fhir_server.interactions.vread import vread

TYPE = "/<resource_type>"
INSTANCE = "/<resource_type>/<id>"

INTERACTIONS: tuple[Interaction, ...] = (
    Interaction(
        "capabilities", "system", "GET", "/metadata", shaped(capabilities), logged=False, declared=False
    ),
    Interaction("transaction", "system", "POST", "", bundle, takes="resource"),
    Interaction("batch", "system", "POST", "", bundle, takes="resource"),
    Interaction("read", "instance", "GET", INSTANCE, shaped(read)),
    Interaction("vread", "instance", "GET", INSTANCE + "/_history/<version_id>", shaped(vread)),
    Interaction("update", "instance", "PUT", INSTANCE, update, takes="resource"),
    Interaction("patch", "instance", "PATCH", INSTANCE, patch, takes="patch"),
    Interaction("delete", "instance", "DELETE", INSTANCE, delete),
    Interaction(
        "history-instance", "instance", "GET", INSTANCE + "/_history", shaped_bundle(history_instance)
    ),
    Interaction("history-type", "type", "GET", TYPE + "/_history", shaped_bundle(history_type)),
    Interaction("history-system", "system", "GET", "/_history", shaped_bundle(history_system)),
    Interaction("create", "type", "POST", TYPE, create, takes="resource"),
    Interaction("update", "type", "PUT", TYPE, conditional_update, takes="resource", declared=False),
    Interaction("patch", "type", "PATCH", TYPE, conditional_patch, takes="patch", declared=False),
    Interaction("delete", "type", "DELETE", TYPE, conditional_delete, declared=False),
    Interaction("search-type", "type", "GET", TYPE, shaped_bundle(search_type)),
    Interaction("search-type", "type", "POST", TYPE + "/_search", shaped_bundle(search_type), takes="form"),
)
"""The first row of a method and address answers; the rows after it are declared."""
