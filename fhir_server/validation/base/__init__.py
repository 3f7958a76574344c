"""What R4 asks beyond the structure of one resource: how its parts, its Bundle and its codes fit together.

`checker.BaseChecker` walks a resource once (`walk`) and asks each rule of its type.  The walk never judges
structure: the caller has, and what does not fit its definition is passed over here.

To add a rule: a generator `…_faults(place, world)` in a module named after the subject, and a row in
`rules.ON_TYPE` (asked at every value of that type) or `rules.EVERYWHERE`.  How severe it is, is a field of
`options.BaseOptions`; None switches it off.  Texts name elements and rules, never values of persons.
"""
