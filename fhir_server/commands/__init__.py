"""fhir_server/commands."""
