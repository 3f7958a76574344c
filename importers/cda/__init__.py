"""CDA R2 documents as FHIR."""
