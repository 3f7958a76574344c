"""fhir_server/interactions."""
