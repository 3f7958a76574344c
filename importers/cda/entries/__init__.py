"""Statements of CDA sections as resources: one file per kind, discovered."""
