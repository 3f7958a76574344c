"""The parts of `fhir-server reindex`: `reindex_run` walks and writes, `progress` is where it stands."""
