"""Changes described by the client, applied to a tree: JSON Patch and FHIRPath Patch.

Each returns a new tree and leaves the old one as it was; what a patch does not touch keeps its literals.
XML Patch works on the XML of a resource and therefore lives with it, in `fhir_server.http.xml`.
Spec: https://hl7.org/fhir/R4/http.html#patch
"""
