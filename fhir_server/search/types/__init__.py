"""One module per search parameter type: how its values are written and how they are asked for.

Each exports `TYPE: ParameterType` (see `search.parameter_type`) with four functions:
`sink(name, source, parameter, setting)` makes the closure that writes the entries of one JSON value, None
where the element's type says nothing to this parameter type; `read(parameter, modifier, text, reading)` turns
one OR-value of a query into the type's own value or refuses it; `bind(filter, systems)` makes the condition
of a filter; `present(parameter)` makes the one that `:missing` asks for.
"""
