"""Policies: what each realm says about who may see what, as data.  There is no code here.

To add a realm:

1. Copy `fr.toml` to `<realm>.toml`.  The words inside are neutral (`masked`, `withheld-from-person`,
   `withheld-from-representatives`); the codes of the realm stand beside them.  Roles, relations, switches,
   modes, classes and rules are the realm's own: the server knows none of them by name.
2. Number the type classes by their order in `classes.names`, and never change that order once documents are
   stored: the number is part of each document.  To append is safe; anything else needs a reindex.
3. Write the matrix as a CSV beside it: one row a document type, one column a profession, `yes` or `no`.
   Rows of one class must agree.
4. Where the law leaves a point open, make it a row of `decisions` with the reading that protects the person
   as its value, and name it in the rules (`when`, `unless`).
5. Start with FHIR_POLICY set to the name, or to the path of a file elsewhere.  A file that has a fault is
   refused as a whole, with all faults and their places.

`policy.schema.json` says what may stand where; `docs/policy.md` explains it.
"""
