"""fhir_server/http."""
