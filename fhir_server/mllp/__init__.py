"""fhir_server/mllp."""
