"""Terminology: what a code means and which set it is in.

`ports.Concepts` is what the rest of the server asks; `local.LocalConcepts` answers it from the code systems
and value sets of the packages.  A value set that a package cannot enumerate (MIME types, UCUM units, a filter
over SNOMED CT or LOINC) has no members here: `members` gives None, which means "not known", never "empty".
`has` answers True, False or None; `open_systems` decides languages, media types, units, currencies by rule.

To add code systems or value sets: add the package that defines them (`profiles/__init__.py` says how).
To add a source that is no package: a class with the methods of `ports.Concepts` in a file of its own.
"""
