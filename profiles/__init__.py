"""Definitions: official FHIR packages as facts, and the immutable Registry made of them.

To read: `load.load_registry(packages)` gives a `registry.Registry` of the dataclasses in `definitions`.

To add a package:

1. Check its licence; NOTICE lists every source.
2. Run `fhir-server package build 'ID#VERSION' --archive FILE.tgz`.  It writes `data/<id>-<version>/`: one
   element, parameter, concept or value set a line, no prose, with the sha256 of the archive, so that a review
   sees what changed.  `left-out.json` says what could not be carried, and why.
3. Name it in FHIR_PACKAGES, after `hl7.fhir.r4.core#4.0.1`: where two packages define the same canonical, the
   later one counts.
4. Never edit a file below `data/` by hand: a test builds it again and compares the bytes.

To carry a further kind of definition: a frozen dataclass in `definitions`, a function from resource to
facts in a `build_*` module, one row in the table of `build_collect`, one line in `build._files`, and one
field (with a default) in `Registry` that `load` fills.
"""
