"""fhir_server/store."""
