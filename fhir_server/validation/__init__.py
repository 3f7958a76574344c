"""fhir_server/validation."""
