"""Proof from outside: speaks HTTP to a server, and imports nothing of it.

`conformance.load` measures; it may be pointed at any FHIR R4 server on this machine.
"""
