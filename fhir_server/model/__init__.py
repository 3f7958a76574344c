"""fhir_server/model."""
