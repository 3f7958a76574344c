"""How fast a server is, against the bare minimum that the same work costs on the same machine.

`python -m conformance.load --help` says how to run it.  The way of a measurement:

- `cli` reads the options; `session` starts what has to be started and stops it again by process id.
- `generate` and `bundles` make the material, `seed` posts it and remembers where each resource went.
- a file in `workloads/` turns the material into a tape of requests; `drive` plays a tape over keep-alive
  sockets in client processes of its own (`clients`), `rounds` does so in turn for the two bases.
- `usage` reads what the servers spent; `results` compares, `markdown` and the JSON report show it.
- `floor/` is what we measure against: bare pymongo in a bare WSGI view on the same documents and indexes.
  It is the only folder here that may import pymongo.
- `null` answers at once with a fixed text: the ceiling of the client itself.

To add a workload: one file in `workloads/` that sets `WORKLOAD`; nothing else has to change.
"""
