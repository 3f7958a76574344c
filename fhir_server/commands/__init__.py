"""The commands of `fhir-server`, one file each.

To add one: write `commands/<name>.py` with a click command of that name, whose help ends with an example and
the exit codes; give it `--json`; add one row to `COMMANDS` in `fhir_server/cli.py`; run
`make docs`, which writes `docs/cli.md` anew.  What a command does in several steps lives in a folder beside
it (`serving/`, `loading/`).
"""
