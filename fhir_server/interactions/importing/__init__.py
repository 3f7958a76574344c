"""The deposit of a converted document: an `ImportResult` becomes one UnitOfWork.

`delivery` holds the bytes and converts them; `person` says whose document it is; `known` looks at what is
there already; `assembling` makes the entries of a transaction of the result, with `directory` for what is of
no person; `replacing` and `superseding` change what an earlier version said; `deposit` takes the steps of a
transaction with all of them and commits once.  There is no second write path.
"""
