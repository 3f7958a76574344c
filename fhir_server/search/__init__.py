"""SearchParameters: what is written into the indexes, and what a query asks of them.  Pure.

The way in: `index.Indexer(registry, base_url=…).entries(resource)` gives a resource's `SearchEntries`;
`owner.Owners(registry, base_url).owner_of(resource)` the person whose record it is part of.
The way out: `request.parse(indexer.catalogue, type, pairs, now=…)` reads a query, `planner.plan(request,
systems=…)` binds it to an index; `criteria.criteria(…)` is the strict form for conditional writes,
`cursor.Cursors(key)` seals the place where the next page begins.

Both ways meet in the `catalogue`: every parameter of a type, its expression resolved to typed JSON paths
(`expression`, `source`) and to the names under which its facts are written (`spelling`).  Each fact is
written once: parameters that repeat another one (`patient`, `combo-code`) are rewritten when asked.
`extraction` lays all paths of a type into one tree and compiles it to closures.

To add a parameter type, or to change what one does:
1. Write `types/<type>.py` with `TYPE = ParameterType(…)`: `sink` makes the closure that writes the entries
   of one JSON value, `read` turns one OR-value of a query into the type's own frozen value or refuses it,
   `bind` makes the condition (`model.plan`) of a whole filter, `present` the one of `:missing`.
2. Name the module in `parameter_types.TYPES`.
3. Let `tests/search/test_meaning.py` say what it means, in the words of the specification.
A modifier is a name in `ParameterType.modifiers` that `read` and `bind` know.  Which date orders a type,
which token drives a query and who owns a resource are tables: `sort_dates`, `selectivity`, `owner_rules`.
"""
