"""Who may see what: decisions made before anything is read, and the record that each answer leaves.

`ports` says what access control asks of the store.  Only this room knows authlib.
"""
