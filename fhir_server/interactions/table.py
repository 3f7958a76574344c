"""The table of all interactions: what is served, declared and documented is what stands here.

Spec: https://hl7.org/fhir/R4/http.html#summary
"""

from __future__ import annotations

from fhir_server.interactions.bundle import bundle
from fhir_server.interactions.capabilities import capabilities
from fhir_server.interactions.create import create
from fhir_server.interactions.delete import delete
from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.history_instance import history_instance
from fhir_server.interactions.history_system import history_system
from fhir_server.interactions.history_type import history_type
from fhir_server.interactions.read import read
from fhir_server.interactions.search_type import search_type
from fhir_server.interactions.update import update
from fhir_server.interactions.vread import vread

TYPE = "/<resource_type>"
INSTANCE = "/<resource_type>/<id>"

INTERACTIONS: tuple[Interaction, ...] = (
    Interaction("capabilities", "system", "GET", "/metadata", capabilities, logged=False, declared=False),
    Interaction("transaction", "system", "POST", "", bundle, takes="resource"),
    Interaction("batch", "system", "POST", "", bundle, takes="resource"),
    Interaction("read", "instance", "GET", INSTANCE, read),
    Interaction("vread", "instance", "GET", INSTANCE + "/_history/<version_id>", vread),
    Interaction("update", "instance", "PUT", INSTANCE, update, takes="resource"),
    Interaction("delete", "instance", "DELETE", INSTANCE, delete),
    Interaction("history-instance", "instance", "GET", INSTANCE + "/_history", history_instance),
    Interaction("history-type", "type", "GET", TYPE + "/_history", history_type),
    Interaction("history-system", "system", "GET", "/_history", history_system),
    Interaction("create", "type", "POST", TYPE, create, takes="resource"),
    Interaction("search-type", "type", "GET", TYPE, search_type),
    Interaction("search-type", "type", "POST", TYPE + "/_search", search_type, takes="form"),
)
"""The first row of a method and address answers; the rows after it are declared."""
