"""The floor: the least that the same work costs with the same database behind the same WSGI server.

`database` copies the documents and the index specifications of a server into a database beside it;
`app` is a bare WSGI view over bare pymongo that reads, finds and inserts such documents and does nothing
else: no validation, no index extraction, no audit; `control` starts and stops it.  Only this folder of
`conformance` imports pymongo.
"""
