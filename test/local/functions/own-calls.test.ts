import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { itemKey } from "../../../engine/recovery/item.ts";
import type { Event } from "../../fixtures/story.ts";
import { type Served, serveApp } from "./served-app.ts";

/* Leeward's own calls on an item, over HTTP: a verification that is asked for. */

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
