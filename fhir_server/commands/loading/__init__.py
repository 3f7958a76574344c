"""The steps of `load`: files become parcels, parcels are sent by several connections, answers are counted.

Everything goes through HTTP, that is through the one write path of the server.
"""
