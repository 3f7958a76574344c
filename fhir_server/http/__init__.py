"""The HTTP door: bytes in, bytes out.  With `portal`, the only room that knows Flask.

`routes` makes one view for each row of the interactions' table; `exchange` carries one request through:
`reading`, `headers` and `formats` read it, the interaction answers, `errors` and `answers` write the answer,
`log` and the access log note it.  `application` joins them; `health` is beside the API.

To add a wire format: a row in `formats.FORMATS` with how its bytes become a tree and a JSON text its bytes.
"""
