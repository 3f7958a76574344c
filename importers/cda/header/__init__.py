"""The header of a document: whom it is about, who made it, what it documents.

One module per part; `read.read_header` asks them in order.  What the realms call their identifiers
is in `identities.toml`.
"""
