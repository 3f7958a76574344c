"""fhir_server/portal."""
