"""Plain values that every floor shares: no input or output, no framework, no realm.

To add one: a module named with the specification's word, frozen slotted dataclasses and pure functions,
nothing imported from a higher floor.  What a port takes and returns is defined here.
"""
