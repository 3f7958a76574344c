"""fhir_server/access."""
