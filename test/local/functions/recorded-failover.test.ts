import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type Served, serveApp } from "./served-app.ts";

/*
 * A failover and its commit as the real service was recorded to answer them in 2022: the request as it was sent, the answer field by
 * field. What is intended to differ is in docs/asr-compatibility.md.
 */

const headers = z.record(z.string(), z.string());
const recorded = z
  .object({
    failover: z.object({
      path: z.string(),
      body: z.unknown(),
      accepted: z.object({ status: z.number(), body: z.string(), headers }),
    }),
    commit: z.object({ status: z.record(z.string(), z.unknown()) }),
  })
  .parse(
    JSON.parse(readFileSync(path.join(import.meta.dirname, "../../fixtures/asr/failover.json"), "utf8")),
  );

let app: Served;
beforeAll(async () => {
  app = await serveApp();
});
afterAll(() => app.close());

/** Where the answer leads, seen from the item or its vault, without what is of one operation. */
const shape = (url: string | null | undefined, item: string) => {
  const { pathname, searchParams } = new URL(url ?? "");
  const [vault = ""] = /^.*?\/vaults\/[^/]+/.exec(item) ?? [];
  const place = pathname.replace(item, "{item}").replace(vault, "{vault}");
  return [place.replace(/[0-9a-f-]{36}$/, "{operation}"), [...searchParams.keys()]];
};

test("a failover is answered with the recorded status, body and headers, and says in addition when to ask again", async () => {
  const { path: was, body, accepted } = recorded.failover;
  const answer = await fetch(`${app.host.url}${app.item.id}/unplannedFailover?api-version=2022-08-01`, {
    method: "POST",
    headers: { authorization: `Bearer ${await app.token()}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(accepted.status);
  expect(await answer.text()).toBe(accepted.body);
  expect(answer.headers.get("content-type")).toBeNull();
  expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
  const there = was.replace("/unplannedFailover", "");
  for (const name of ["azure-asyncoperation", "location"])
    expect(shape(answer.headers.get(name), app.item.id)).toEqual(shape(accepted.headers[name], there));

  const operation = new URL(answer.headers.get("azure-asyncoperation") ?? "").pathname;
  const status = z.record(z.string(), z.unknown()).parse((await app.call("GET", operation)).body);
  expect(Object.keys(recorded.commit.status).filter((field) => !(field in status))).toEqual([]);
  expect(operation.endsWith(`/${String(status["name"])}`)).toBe(true);
});

test("a commit before its time is refused at once, where the service lets the job fail", async () => {
  const answer = await app.call("POST", `${app.item.id}/failoverCommit`);
  expect(answer).toMatchObject({ status: 409, body: { error: { code: expect.any(String) } } });
});
