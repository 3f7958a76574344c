"""Parts of `fhir-server check`."""
