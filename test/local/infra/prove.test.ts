import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../engine/core/clock.ts";
import { PROOFS } from "../../../infra/prove/proofs.ts";
import { type Proof, type Proving, proveAll } from "../../../infra/prove/proving.ts";
import { type Azurite, startAzurite } from "../../../local/azurite/azurite.ts";
import { ensureCertificates } from "../../../local/tls/certificate.ts";
import {
  ARM_AUDIENCE,
  NORTH,
  OPERATOR,
  SUBSCRIPTION,
  type TestBox,
  WEST,
  groupId,
  startBox,
  temporary,
} from "../arm/fixture.ts";

let azurite: Azurite;
let box: TestBox;
beforeAll(async () => {
  const directory = temporary();
  const tls = await ensureCertificates(path.join(directory, "tls"));
  azurite = await startAzurite({
    directory: path.join(directory, "azurite"),
    accounts: ["north1"],
    tls,
    log: path.join(directory, "azurite.log"),
  });
  const pool = [
    { name: "north1", blob: azurite.blobEndpoint("north1"), table: azurite.tableEndpoint("north1") },
  ];
  box = await startBox({
    directory,
    config: { regions: [{ name: NORTH, pool }, { name: WEST }], ca: tls.ca },
  });
});
afterAll(async () => {
  await box.close();
  await azurite.kill();
});

function proving(run: string): Proving {
  const credential = {
    getToken: async (scope: string | string[]) => {
      const storage = String(scope).includes("storage");
      const audience = storage ? "https://storage.azure.com" : ARM_AUDIENCE;
      return {
        token: await box.token(OPERATOR.secret, audience),
        expiresOnTimestamp: Date.now() + 3_600_000,
      };
    },
  };
  const tls = { ca: box.ca };
  const common = { clock: systemClock, credential, tls, run };
  return { arm: box.client, subscription: SUBSCRIPTION, region: NORTH, ...common };
}

/** Which versions Azure serves, the simulator does not know. */
const here = PROOFS.filter(({ name }) => !name.includes("version"));

test("the proofs hold in the box, and leave nothing behind", async () => {
  const findings = await proveAll(proving("0000000a"), here);
  expect(findings.filter(({ held }) => !held)).toEqual([]);
  expect(findings).toHaveLength(here.length + 1);
  expect(await box.client.find(groupId("leeward-proof-0000000a"))).toBeUndefined();
});

test("a proof that fails is told without its secrets, the others go on, and all is deleted", async () => {
  const failing: Proof = {
    name: "no",
    call: "none",
    prove: () => Promise.reject(new Error("https://disk.example/x?sv=1&sig=secret%3D was refused")),
  };
  const [first, second, last] = await proveAll(proving("0000000b"), [failing, ...here.slice(0, 1)]);
  expect(first).toMatchObject({ held: false, seen: expect.stringContaining("sig=***") });
  expect(second).toMatchObject({ held: true });
  expect(last).toMatchObject({ held: true, seen: expect.stringContaining("is deleted") });
  expect(await box.client.find(groupId("leeward-proof-0000000b"))).toBeUndefined();
});
