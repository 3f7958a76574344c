"""The public validator suite: its cases, read in place, against the outcomes of the reference validator.

`material` reads the manifest, `shelf` the definitions that cases ask for, `judging` says of each comparison
whether both validators find an error, `page` writes what `docs/validation-suite.md` says.  Where they
disagree, `known_disagreements.toml` has the cause: an unlisted disagreement fails, and so does a listed one
that has gone.
"""
