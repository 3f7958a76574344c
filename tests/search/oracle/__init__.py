"""The brute force that searches are held against: every resource looked at, every value compared.

Shares nothing with `fhir_server.search` and nothing with the store.  What a parameter means is its FHIRPath
expression in the definitions; what a value means is read from the words of R4, one file per kind of value:
`times`, `amounts`, `texts`, `codes`, `links`.  `brute_force` puts them together, `questions` makes random
queries out of the values that are there.
"""
