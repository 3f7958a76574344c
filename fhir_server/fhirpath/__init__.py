"""FHIRPath compiled to Python closures.

`compile(text, types=…)` gives a `Compiled`; its `evaluate` takes a resource.  The room is pure: what an
expression asks of the world comes as callables in an `Environment`.  A function is added in `functions/`.
Spec: https://hl7.org/fhirpath/N1/ with the FHIR additions of https://hl7.org/fhir/R4/fhirpath.html
"""

from fhir_server.fhirpath.engine import Compiled, compile
from fhir_server.fhirpath.environment import Environment
from fhir_server.fhirpath.errors import FhirPathError, FhirPathSyntaxError, WorkLimitExceeded
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.types import Slot, TypeModel

__all__ = [
    "Compiled", "Environment", "FhirPathError", "FhirPathSyntaxError", "Node", "Slot", "TypeModel",
    "WorkLimitExceeded", "compile",
]  # fmt: skip
