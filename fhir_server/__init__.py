"""A FHIR R4 server for one person's health record.

The rooms, highest floor first: cli, commands · app, work · http, portal, mllp · operations · interactions ·
record, render · store · access, validation · search · fhirpath · model.  A higher floor may import a lower
one, never the reverse; the import contracts in `pyproject.toml` check it, `docs/architecture.md` explains it.
"""
