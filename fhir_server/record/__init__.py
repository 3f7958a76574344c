"""fhir_server/record."""
