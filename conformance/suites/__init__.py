"""The suites: one TOML file for each chapter of the REST API, checked by `conformance/suite.schema.json`.

To add a case, write it into the chapter's file and name it in `conformance/requirements.csv`:

    [[case]]
    id = "read-unknown-id"                      # unique over all suites
    title = "An id that was never used is 404"
    level = "SHALL"                             # SHALL, SHOULD, or MAY for a choice that the spec leaves open
    spec = "https://hl7.org/fhir/R4/http.html#read"
    needs = ["Patient.read"]                    # features; see conformance/capability.py
    setup = [{ send = "POST Patient", body = "patient", save = "patient" }]

    [[case.step]]
    send = "GET Patient/{{unique}}"             # holes: see conformance/templates.py
    expect.status = 404
    expect.outcome = true
    expect.json = [{ path = "issue.code", contains = "not-found" }]

Bodies stand in `[resource]` of the file, or in `resources.toml` for all files.  The words of `expect.json`
are the keys of `conformance.json_checks.KINDS`; numbers are compared by their text.  A case uses data of its
own (by `{{unique}}`), expects no error text, no form of id and no base path, and must fail against a wrong
server: `tests/conformance/test_runner_controls.py` says which.
"""
