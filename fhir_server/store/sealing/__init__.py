"""Sealing: the bodies of a person's record, compressed and encrypted under keys of that person alone.

`compression` makes texts small with dictionaries that are shipped; `seals` is the form of what is sealed and
binds it to its place; `keyring` has the keys of persons, unwrapped, for a bounded time; `master` wraps them;
`vault` says what a vault is, `vault_directory` and `vault_mongodb` are the two that exist; `rewrapping`,
`resealing` and `erasing` are the passes over everything that the command `keys` starts; `opening` joins them.

To add a dictionary: train it with `training` from data that is public or invented, give it the next number in
`dictionaries/index.json`, with its SHA-256 and where its samples came from, and make it the one of its type
there.  A dictionary is never changed or deleted: what was sealed with it could not be read any more.
To add a kind of vault: write a module with a class that has the methods of `vault.Vault`, and a row in
`opening`.  All that is sealed by one version must open in every later one: a new form of the seal is a new
number in the text that authenticates it.
"""
