"""The person's own door at `/`.  With `http`, the only room that knows Flask."""
