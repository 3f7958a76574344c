"""Datatypes of CDA as datatypes of FHIR: each function takes (conversion, element) and marks what it carried.

None: there is nothing to carry.  Odd things become issues of the conversion; nothing is raised for what
a document says.  To add one: a file for the datatype, its name here, a row in `values.READERS` if it can be a
`value`, and its rules in tests/importers/cda/datatypes.
"""

from importers.cda.datatypes.absence import (
    absent,
    absent_concept,
    data_absent,
    is_masked,
    masked,
    null_flavor,
)
from importers.cda.datatypes.attachments import attachment, content_of
from importers.cda.datatypes.codes import code, code_of, codeable_concept, coding
from importers.cda.datatypes.contacts import address, addresses, contact_point, contact_points
from importers.cda.datatypes.identifiers import identifier, identifiers, uri_of
from importers.cda.datatypes.names import human_names, plain_name
from importers.cda.datatypes.numbers import (
    boolean,
    decimal,
    integer,
    ivl_pq,
    money,
    pqr,
    quantity,
    range_,
    ratio,
    string,
)
from importers.cda.datatypes.stamps import stamp
from importers.cda.datatypes.times import date, date_time, effective, instant, period
from importers.cda.datatypes.timing import eivl, pivl, sxpr, timings
from importers.cda.datatypes.types import type_of
from importers.cda.datatypes.values import value

__all__ = [
    "absent",
    "absent_concept",
    "address",
    "addresses",
    "attachment",
    "boolean",
    "code",
    "code_of",
    "codeable_concept",
    "coding",
    "contact_point",
    "contact_points",
    "content_of",
    "data_absent",
    "date",
    "date_time",
    "decimal",
    "effective",
    "eivl",
    "human_names",
    "identifier",
    "identifiers",
    "instant",
    "integer",
    "is_masked",
    "ivl_pq",
    "masked",
    "money",
    "null_flavor",
    "period",
    "pivl",
    "plain_name",
    "pqr",
    "quantity",
    "range_",
    "ratio",
    "stamp",
    "string",
    "sxpr",
    "timings",
    "type_of",
    "uri_of",
    "value",
]
