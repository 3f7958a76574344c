"""The life of a person's record (opened, opposed, closed, erased) over an injected clock; pure."""
