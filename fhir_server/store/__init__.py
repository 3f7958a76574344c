"""The store: every port of the rooms above, on MongoDB.  The only room that knows the driver.

`open.open_store(uri, database, options)` joins the parts and returns a `Store`; nothing else does.

How a write goes: `commit` checks the unit of work against its View, `bodies` encodes each version
(`documents`, `native`) and sets large base64 texts apart (`attachments`, `blobs`), `catalogue` makes missing
collections with the indexes of `indexes`, `systems` records new code systems; then `transactions` runs one
transaction: `replay`, `conditions`, creates, `replacements`, `reindexes`, relabels (`facts`), `choices`,
claimed blobs, audit and outbox (`entries`).

How a read goes: `records` compiles the View (`filters.predicate_filter`) into the query, `searches` a plan
into filter, order and hint, `reads` asks, `bodies` restores.  Nothing is read first and filtered later.
What is known of the current version (labels, visibility, authors) is a fact of all versions: `facts` keeps
it so.  `choices` and `flows` are asked before there is a View; `tests/store/test_doors.py` lists each way in.

To add a condition or a predicate: a case in `filters`, a case in the brute force of `tests/store/oracle.py`,
a strategy in `tests/store/test_searches.py`; ranges on arrays only through `$elemMatch`.
To add an index: a member of `model.plan.Index`, a row in `indexes.KEYS`; the budget test says what it weighs.
To add a collection: a row in `catalogue.SERVICE_INDEXES`.
To change the shape of a document: `documents`, its test, `documents.SCHEMA`, and a reindex for what exists.

Errors of the driver never leave as they are (`refusals`): their messages can quote documents.
"""
