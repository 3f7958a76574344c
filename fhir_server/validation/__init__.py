"""Whether a resource is what its definition says: definitions compiled to closures, faults with a place.

`structure.StructureValidator` is what other rooms call.  Definitions become shapes and slots (`shapes`,
`compiler`); `accept` is the happy path, one closure per shape; `explain` walks the same slots after a no
and builds the issues.  A test holds the two to one answer for whatever JSON.

`base/` holds what R4 asks beyond one resource's structure, `questionnaire_*` a QuestionnaireResponse beside
its Questionnaire; neither is asked on write unless somebody says so.

To add a rule of structure:

- about one value of a primitive type: the row of the type in `primitives.PRIMITIVES`;
- about one object (a type, or a backbone element by its path): a generator `…_faults(node, path, local)`
  in a module named after the subject, and a row in `rules.RULES`, or in `rules.STRICT_RULES` if examples of
  the specification break it.  A rule is asked only once the object and all in it fit their slots;
- exactly one of several elements: a row in `rules.EXACTLY_ONE`.

Every rule has a kind of damage in `tests/validation/damages.py` that breaks it in the examples of the
specification, and names the place where the issue must be.
"""
