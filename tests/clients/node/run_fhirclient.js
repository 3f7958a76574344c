// The npm client `fhirclient` (SMART on FHIR), without an authorization, as an open server needs it.

import assert from "node:assert/strict";
import smart from "fhirclient";
import { refused, run, transaction } from "./steps.js";

const FAMILY = "FhirclientNode";
const COUNT = 7;
const client = smart({ url: "/", headers: {}, session: {} }, {}).client({ serverUrl: process.argv[2] });
const patient = (family) => ({ resourceType: "Patient", name: [{ family, given: ["Zoé"] }] });
let id = "";

await run({
  async capability() {
    assert.equal(await client.getFhirVersion(), "4.0.1");
    assert.equal(await client.getFhirRelease(), 4);
  },
  async create() {
    const created = await client.create(patient(FAMILY));
    assert.equal(created.meta.versionId, "1");
    id = created.id;
  },
  async read() {
    assert.equal((await client.request(`Patient/${id}`)).name[0].given[0], "Zoé");
  },
  async search() {
    const found = await client.request(`Patient?family=${FAMILY}`);
    assert.deepEqual(found.entry.map((entry) => entry.resource.id), [id]);
  },
  async page() {
    const made = [];
    for (let number = 0; number < COUNT; number++) {
      made.push((await client.create(patient(`${FAMILY}Page`))).id);
    }
    const url = `Patient?family=${FAMILY}Page&_count=2`;
    const flat = await client.request(url, { pageLimit: 0, flat: true });
    assert.deepEqual(flat.map((resource) => resource.id).sort(), made.sort());
    const crawled = [];
    for await (const resource of client.resources(url)) crawled.push(resource.id);
    assert.deepEqual(crawled.sort(), made.sort());
  },
  async update() {
    const updated = await client.update({ ...patient(FAMILY), id, gender: "female" });
    assert.equal(updated.meta.versionId, "2");
  },
  async patch() {
    const patched = await client.patch(`Patient/${id}`, [{ op: "replace", path: "/gender", value: "other" }]);
    assert.deepEqual([patched.gender, patched.meta.versionId], ["other", "3"]);
  },
  async transaction() {
    const answer = await client.request({
      url: "",
      method: "POST",
      body: JSON.stringify(transaction(`${FAMILY}Transaction`)),
      headers: { "content-type": "application/fhir+json" },
    });
    assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ["201", "201"]);
    const observation = answer.entry[1].response.location.split("/_history")[0];
    const resolved = await client.request(observation, { resolveReferences: "subject" });
    assert.equal(resolved.subject.name[0].family, `${FAMILY}Transaction`);
  },
  async vread() {
    assert.equal((await client.request(`Patient/${id}/_history/1`)).gender, undefined);
  },
  async history() {
    const history = await client.request(`Patient/${id}/_history`);
    assert.deepEqual(history.entry.map((entry) => entry.resource.meta.versionId), ["3", "2", "1"]);
  },
  async delete() {
    await client.delete(`Patient/${id}`);
    assert.equal((await refused(client.request(`Patient/${id}`))).status, 410);
  },
  async refusal() {
    const missing = await refused(client.request("Patient/no-such-patient"));
    assert.equal(missing.status, 404);
    assert.match(missing.message, /"code": "not-found"/);
    const invalid = await refused(client.create({ resourceType: "Patient", gender: "none of the codes" }));
    assert.match(invalid.message, /"Patient\.gender"/);
  },
});
