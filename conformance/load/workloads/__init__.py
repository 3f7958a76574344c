"""One file per workload, found by being here.

A file sets `WORKLOAD = Workload(...)`; its `exchanges` function turns a `Seed` into the requests to be
played over and over.  Requests that write carry `item`, the place of their sample: the floor writes the
stored document of the same place, so that both bases write the same.
"""
