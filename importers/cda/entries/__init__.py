"""Statements of CDA sections as resources: one file per kind, discovered.

To add a kind: a file with mappers, `(cv, statement, place) -> list[Reference]`, and
`MAPPERS = {"name": mapper}`; then rows with that name in `importers/cda/tables/<realm>.toml`.  A mapper makes
its resource with `cv.add`, takes what it used of the statement (`cv.take`), reads the parts of the statement
with `parts.parts_of`, and returns the references of what stands for it.  What it leaves (statements
inside that nobody took) the engine converts after it, as resources of their own that point back.
"""
