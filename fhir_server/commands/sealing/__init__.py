"""The parts of `fhir-server keys`: `session` opens what they work on, `report` says what came of it."""
