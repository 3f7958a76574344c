// The npm client `fhir-kit-client`, as its documentation uses it.

import assert from "node:assert/strict";
import { Client } from "fhir-kit-client";
import { refused, run, transaction } from "./steps.js";

const FAMILY = "FhirKit";
const COUNT = 7;
const client = new Client({ baseUrl: process.argv[2] });
const patient = (family) => ({ resourceType: "Patient", name: [{ family, given: ["Zoé"] }] });
let id = "";

await run({
  async capability() {
    assert.equal((await client.capabilityStatement()).fhirVersion, "4.0.1");
  },
  async create() {
    const created = await client.create({ resourceType: "Patient", body: patient(FAMILY) });
    assert.equal(created.meta.versionId, "1");
    id = created.id;
  },
  async read() {
    assert.equal((await client.read({ resourceType: "Patient", id })).name[0].given[0], "Zoé");
  },
  async search() {
    const search = { resourceType: "Patient", searchParams: { family: FAMILY } };
    assert.deepEqual((await client.search(search)).entry.map((entry) => entry.resource.id), [id]);
    const posted = await client.resourceSearch({ ...search, options: { postSearch: true } });
    assert.deepEqual(posted.entry.map((entry) => entry.resource.id), [id]);
  },
  async page() {
    const made = [];
    for (let number = 0; number < COUNT; number++) {
      made.push((await client.create({ resourceType: "Patient", body: patient(`${FAMILY}Page`) })).id);
    }
    const found = [];
    const searchParams = { family: `${FAMILY}Page`, _count: 2 };
    let bundle = await client.search({ resourceType: "Patient", searchParams });
    while (bundle) {
      found.push(...bundle.entry.map((entry) => entry.resource.id));
      bundle = await client.nextPage({ bundle });
    }
    assert.deepEqual(found.sort(), made.sort());
  },
  async update() {
    const body = { ...patient(FAMILY), id, gender: "female" };
    assert.equal((await client.update({ resourceType: "Patient", id, body })).meta.versionId, "2");
  },
  async patch() {
    const jsonPatch = [{ op: "replace", path: "/gender", value: "other" }];
    const patched = await client.patch({ resourceType: "Patient", id, jsonPatch });
    assert.deepEqual([patched.gender, patched.meta.versionId], ["other", "3"]);
  },
  async transaction() {
    const answer = await client.transaction({ body: transaction(`${FAMILY}Transaction`) });
    assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ["201", "201"]);
  },
  async vread() {
    const first = await client.vread({ resourceType: "Patient", id, version: "1" });
    assert.equal(first.gender, undefined);
  },
  async history() {
    const history = await client.history({ resourceType: "Patient", id });
    assert.deepEqual(history.entry.map((entry) => entry.resource.meta.versionId), ["3", "2", "1"]);
  },
  async delete() {
    await client.delete({ resourceType: "Patient", id });
    const error = await refused(client.read({ resourceType: "Patient", id }));
    assert.equal(error.response.status, 410);
  },
  async refusal() {
    const missing = await refused(client.read({ resourceType: "Patient", id: "no-such-patient" }));
    assert.equal(missing.response.data.issue[0].code, "not-found");
    const body = { resourceType: "Patient", gender: "none of the codes" };
    const invalid = await refused(client.create({ resourceType: "Patient", body }));
    assert.deepEqual(invalid.response.data.issue[0].expression, ["Patient.gender"]);
  },
});
