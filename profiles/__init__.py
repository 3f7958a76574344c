"""Definitions: official FHIR packages as facts, and the immutable Registry made of them.

To read: `load.load_registry(packages)` gives a `registry.Registry` of the dataclasses in `definitions`.

To add a package:

1. Check its licence; NOTICE lists every source.
2. A row in the table of `shipped`, behind the packages that it depends on, then
   `python -m profiles.shipped FOLDER`.  It writes `data/<id>-<version>/`: one element, parameter, concept or
   value set a line, no prose, with the sha256 of the archive, so that a review sees what changed.
   `left-out.json` says what could not be carried, and why.
3. Name it in FHIR_PACKAGES: where two packages define the same canonical, the later one counts.
4. Never edit a file below `data/` by hand: a test builds it again and compares the bytes.

Rules of our own stand in `own/*.toml`; `rules` expands them to definitions under our own canonical.  A
snapshot is made by `library.Library`: `differential` reads the rows, `snapshot_walk` finds the element of
each, `snapshot_merge` lays it over, `snapshot_tree` takes snapshots apart and together.  A posted definition
makes generation N+1 through `overlay.with_profiles`.

To carry a further kind of definition: a frozen dataclass in `definitions`, a function from resource to
facts in a `build_*` module, one row in the table of `build_collect`, one line in `build._files`, and one
field (with a default) in `Registry` that `load` fills.
"""
