"""fhir_server/render."""
