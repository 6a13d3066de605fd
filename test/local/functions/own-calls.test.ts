import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { bisectResult } from "../../../engine/contract/bisect.ts";
import { itemKey } from "../../../engine/recovery/item.ts";
import type { Event } from "../../fixtures/story.ts";
import { type Served, serveApp } from "./served-app.ts";

/* Leeward's own calls on an item, over HTTP: a verification that is asked for, and a bisection. */

const POINT: Event[] = [{ kind: "barrier" }, { kind: "prove" }, { kind: "seal" }];
const writes = (disk: number, count: number): Event[] =>
  Array.from({ length: count }, (_, n) => ({ kind: "write", disk, sector: n * 16, sectors: 8, fill: n + 1 }));

const EVENTS: Event[] = [
  ...writes(0, 3),
  ...POINT,
  ...writes(1, 40),
  ...POINT,
  ...writes(0, 20),
  { kind: "seal" },
  ...writes(1, 1),
  { kind: "seal" },
];

let app: Served;
beforeAll(async () => {
  app = await serveApp({ events: EVENTS });
});
afterAll(() => app.close());

const shown = z.looseObject({
  properties: z.looseObject({
    leeward: z.looseObject({
      verification: z
        .looseObject({ requestedTime: z.string().nullable(), verifiedPoint: z.string().nullable() })
        .nullable(),
      test: z.looseObject({ write: z.unknown() }).nullable(),
    }),
  }),
});
const verificationIn = (body: unknown) => shown.parse(body).properties.leeward.verification;
const verify = () => app.call("POST", `${app.item.id}/leewardVerify`);

test("the newest point is compared when somebody asks for it, twice at once too", async () => {
  const newest = (await app.records.progress.get(app.item.machine))?.value.point;
  const answers = await Promise.all([verify(), verify()]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  await app.host.idle();
  expect(verificationIn((await app.call("GET", app.item.id)).body)).toMatchObject({
    requestedTime: null,
    verifiedPoint: newest?.id,
  });
});

test("what is not replicated cannot be verified, and nothing has changed", async () => {
  const { items, verification } = app.records;
  const before = await verification.get(app.item.machine);
  await items.update(itemKey(app.item.id), (old) => ({ ...old, state: "EnableFailed" }));
  const { status, body } = await verify();
  expect([status, JSON.stringify(body)]).toEqual([409, expect.stringContaining("EnableFailed")]);
  await items.update(itemKey(app.item.id), (old) => ({ ...old, state: "Protected" }));
  expect(await verification.get(app.item.machine)).toEqual(before);
});

const ask = (good: unknown, bad?: unknown) =>
  app.call("POST", `${app.item.id}/leewardBisect`, {
    properties: { good, ...(bad !== undefined && { bad }) },
  });
const stepOf = async (...bounds: Parameters<typeof ask>) => {
  const { status, body } = await ask(...bounds);
  expect([status, body]).toEqual([200, expect.anything()]);
  return bisectResult.parse(body).properties;
};
const points = async () => {
  const { body } = await app.call("GET", `${app.item.id}/recoveryPoints`);
  return z.object({ value: z.array(z.object({ id: z.string(), name: z.string() })) }).parse(body).value;
};
const at = (sequence: number) => ({ generation: 1, sequence });

/** Whoever tries states knows which write spoilt the machine; 3 writes, a point, 40 more, a point, 20 more. */
async function narrowed(spoilt: number, good: unknown, bad?: unknown) {
  const tried: { sequence: number; recoveryPointId: string | null }[] = [];
  let step = await stepOf(good, bad);
  const { trials } = step;
  while (step.next) {
    const { generation, sequence, recoveryPointId } = step.next;
    tried.push({ sequence, recoveryPointId });
    const mark = recoveryPointId === null ? { generation, sequence } : { recoveryPointId };
    step = await (sequence < spoilt ? stepOf(mark, step.bad) : stepOf(step.good, mark));
  }
  expect(tried.length).toBeLessThanOrEqual(trials);
  return { tried, ...step };
}

test.each([4, 20, 43, 44, 63])("narrows down to write %i, by points first", async (spoilt) => {
  const [newest, oldest] = await points();
  const { tried, ...found } = await narrowed(spoilt, { recoveryPointId: oldest?.id });
  expect(tried[0]).toEqual({ sequence: 43, recoveryPointId: newest?.name });
  expect(tried.slice(1).every(({ recoveryPointId }) => recoveryPointId === null)).toBe(true);
  const second = spoilt > 43;
  const offset = (spoilt - (second ? 44 : 4)) * 16 * 512;
  expect(found).toMatchObject({
    good: at(spoilt - 1),
    bad: at(spoilt),
    left: 0,
    culprit: { ...at(spoilt), disk: second ? 0 : 1, offset, length: 4096, kind: "data" },
  });
});

test("a bound that is no state is refused by its name", async () => {
  const [newest, oldest] = await points();
  const none = { recoveryPointId: "00000000-0000-4000-8000-000000000000" };
  const refusals: [unknown, unknown, string][] = [
    [none, undefined, "properties.good: there is no recovery point"],
    [at(3), at(64), "properties.bad: write 64 of generation 1 is no state"],
    [{ generation: 2, sequence: 3 }, undefined, "properties.good: write 3 of generation 2"],
    [at(5), at(5), "properties.bad: good is"],
    [{ recoveryPointId: newest?.name }, { recoveryPointId: oldest?.name }, "properties.bad: good is"],
    [at(63), undefined, "properties.good: good is"],
    [{ sequence: 5 }, undefined, "properties.good: either recoveryPointId, or generation and sequence"],
    [{ ...at(5), point: "x" }, undefined, "properties.good"],
    [undefined, at(5), "properties.good"],
  ];
  for (const [good, bad, said] of refusals) {
    const { status, body } = await ask(good, bad);
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining(said)]);
  }
});

test("what it wants tried is what a test failover goes to", async () => {
  const { next } = await stepOf(at(3), at(43));
  expect(next).toMatchObject({ ...at(23), recoveryPointId: null });
  const { status } = await app.call("POST", `${app.item.id}/testFailover`, {
    properties: {
      networkType: "VmNetworkAsInput",
      networkId: app.item.target?.network,
      providerSpecificDetails: { instanceType: "A2A" },
      leeward: { sequence: next?.sequence },
    },
  });
  expect(status).toBe(202);
  await app.host.idle();
  const { body } = await app.call("GET", app.item.id);
  expect(shown.parse(body).properties.leeward.test?.write).toEqual(at(23));
});
