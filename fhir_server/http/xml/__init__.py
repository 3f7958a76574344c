"""FHIR XML beside FHIR JSON: the same trees, read and written without the change of a literal.

`shapes` says how each type stands in XML, from the definitions; `reader` and `writer` follow it.
Spec: https://hl7.org/fhir/R4/xml.html
"""
