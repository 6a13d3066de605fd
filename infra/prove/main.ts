import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { armClient } from "../../engine/azure/arm.ts";
import { CLOUDS } from "../../engine/azure/cloud.ts";
import { managedIdentity } from "../../engine/azure/credential.ts";
import { systemClock } from "../../engine/core/clock.ts";
import { wishOf } from "./wish.ts";
import { proveAll } from "./proving.ts";
import { proofsFor } from "./proofs.ts";

/** `npm run prove:azure -- --subscription ID --region NAME --confirm ID`: docs/unproven.md. */
const { values } = parseArgs({
  options: {
    subscription: { type: "string" },
    region: { type: "string" },
    confirm: { type: "string" },
    cloud: { type: "string" },
    endpoint: { type: "string" },
  },
});
const wish = wishOf(values);
if (typeof wish === "string") {
  console.error(wish);
  process.exit(2);
}
const cloud = CLOUDS[wish.cloud];
const credential = managedIdentity(undefined, cloud.authorityHost);
const stop = new AbortController();
process.once("SIGINT", () => {
  console.error("Stopping after this proof; what was made is deleted.");
  stop.abort();
});
const findings = await proveAll(
  {
    arm: armClient({ endpoint: cloud.armEndpoint, audience: cloud.armAudience, credential }),
    clock: systemClock,
    credential,
    run: randomBytes(4).toString("hex"),
    signal: stop.signal,
    ...wish,
  },
  proofsFor(wish.endpoint),
);
for (const { held, name, call, seen } of findings)
  console.log(`${held ? "✓" : "✗"} ${name}\n    ${call}\n    ${seen}`);
process.exitCode = findings.every(({ held }) => held) ? 0 : 1;
