"""A verifier of the access log that shares no code with the server: the standard library and Ed25519.

It takes what the server exports (entries, checkpoints, the proof of one entry) and a public key that came by
another way, and says what does not agree.  `docs/audit-proof.md` defines every form that is read here.
"""
