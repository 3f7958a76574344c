"""fhir_server/fhirpath."""
