"""The steps of `import`: files are found, sent or only converted, several at a time, and accounted for.

Storing goes through HTTP, that is through the one write path of the server.
"""
