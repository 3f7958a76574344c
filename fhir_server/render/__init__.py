"""Resources as something else to read: HTML, PDF, CDA.  Pure: trees in, bytes out."""
