"""Legacy content becomes FHIR: bytes in, `ImportResult(bundle, issues)` out, nothing lost.

To add a format: a folder with a `read` function of that shape, pure (no HTTP, no database), every unmapped
element an issue with its place.  Only importers, `fhir_server.http.xml` and `fhir_server.render`
know lxml.
"""
