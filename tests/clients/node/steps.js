// Runs the steps of one client and prints a line of JSON for each: what it is, whether it held, what was wrong.

import assert from "node:assert/strict";

export const URN = "urn:uuid:6d4ef0a2-71a1-4b1c-9c3f-0d5a8c2b4f10";

export async function run(steps) {
  for (const [step, hold] of Object.entries(steps)) {
    let detail = "";
    try {
      await hold();
    } catch (error) {
      detail = String(error?.stack ?? error) || "failed";
    }
    console.log(JSON.stringify({ step, ok: detail === "", detail }));
  }
}

export async function refused(promise) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    return error;
  }
  assert.fail(`not refused: ${JSON.stringify(answer)}`);
}

export function transaction(family) {
  return {
    resourceType: "Bundle",
    type: "transaction",
    entry: [
      {
        fullUrl: URN,
        resource: { resourceType: "Patient", name: [{ family }] },
        request: { method: "POST", url: "Patient" },
      },
      {
        resource: {
          resourceType: "Observation",
          status: "final",
          code: { text: "weight" },
          subject: { reference: URN },
        },
        request: { method: "POST", url: "Observation" },
      },
    ],
  };
}
