"""Profiles compiled to assertions: what a StructureDefinition asks of an instance beyond its type.

`compiler.Profiles` holds the compiled profiles of one Registry; `session.Session` is one validation: where
issues go, what references reach, what has been checked already.  A check is a closure of (Node, Session)
that reports and returns nothing; None in its place says that there is nothing to check, so that elements
which a profile repeats from its type cost nothing.

To add a rule about one element of a profile: a function from ProfileElement to a check in a module named
after the subject (`values`, `bindings`, `references` …), and a row in `elements.RULES`.
"""
