"""What `fhir-server audit` is made of: the open log, the report of a verification, the export."""
