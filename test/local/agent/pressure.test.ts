import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { HeartbeatRequest } from "../../../engine/contract/agent-api.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import { KIB, MIB } from "../../../engine/core/units.ts";
import { healthOf } from "../../../engine/recovery/health.ts";
import type { Meddling } from "../../../local/trouble/meddling.ts";
import { refusal } from "../../../local/trouble/trouble.ts";
import { type Region, startRegion } from "../../fixtures/region.ts";
import { NOW, agent as agentRecord, protectedItem } from "../../unit/engine/recovery/fixture.ts";
import { replayed } from "../../unit/agent/machine.ts";
import { DISK, PressedAgent } from "./pressed-agent.ts";

/*
 * The ladder, seen from the guest and from the control plane: the agent's own process, a real storage over https, and a
 * proxy before it that does what storages do. Waits are a second where the product's are a minute.
 */

let region: Region;
beforeAll(async () => {
  region = await startRegion();
});
afterAll(() => region.stop());

const LIMIT = 300_000;

interface Try {
  readonly at: number;
  readonly name: string;
}

/** What happens to uploads from now on; when each was tried. */
function trouble(agent: PressedAgent, plan: Meddling): Try[] {
  const tries: Try[] = [];
  agent.meddler.meddle = (method, url) => {
    if (method !== "PUT") return {};
    tries.push({ at: performance.now(), name: url.split("?")[0] ?? "" });
    return plan;
  };
  return tries;
}

/** Milliseconds between one try of an upload and its next. */
const gapsOf = (tries: readonly Try[]): number[] =>
  tries.flatMap(({ at, name }, n) => {
    const next = tries.slice(n + 1).find((one) => one.name === name);
    return next ? [next.at - at] : [];
  });

const well = (agent: PressedAgent) => void (agent.meddler.meddle = undefined);

/** What was written has become a point. */
async function withPoint(): Promise<PressedAgent> {
  const agent = await PressedAgent.over(region);
  await agent.write(0, randomBytes(64 * KIB));
  await agent.point();
  return agent;
}

const normal = ({ pressure, problem }: HeartbeatRequest): boolean =>
  pressure?.rung === "normal" && problem === undefined;

/** Sets one more point when the trouble is over, and compares all there are. */
async function onceNormal(agent: PressedAgent): ReturnType<PressedAgent["checkPoints"]> {
  await agent.until("the end of it", normal);
  await agent.point();
  await agent.caughtUp();
  return agent.checkPoints();
}

/** What the item's health says of such a heartbeat. */
function healthIn({ time, ...beat }: HeartbeatRequest) {
  const agent = agentRecord({ ...beat, at: time });
  const [error] = healthOf({ item: protectedItem(), agent, progress: undefined }, NOW);
  return error;
}

/** The guest goes on as if nothing was the matter. */
function expectUnmoved(
  during: { median: number; longest: number },
  before: { median: number; longest: number },
  wait: number,
): void {
  expect(during.median).toBeLessThan(before.median * 5 + 25);
  expect(during.longest).toBeLessThan(wait);
}

test(
  "a cache that throttles is tried as late as it asks, and is normal again a while after it took one",
  async () => {
    const agent = await withPoint();
    const before = await agent.latencyDuring(sleep(500));
    const tries = trouble(agent, refusal(429, "TooManyRequests", { "retry-after": "2" }));
    const slow = agent.until("the throttling", ({ problem }) => problem?.code === "StorageUnavailable");
    expectUnmoved(await agent.latencyDuring(slow), before, 5000);
    const said = await slow;
    expect(said).toMatchObject({ mode: "streaming", pressure: { rung: "slow" } });
    const health = healthIn(said);
    expect(health).toMatchObject({ code: "StorageUnavailable", level: "Warning" });
    expect(health?.message).toMatch(
      /429.*; it is tried again at .*; \d+ % of the spool waits, segments grow/,
    );
    const gaps = gapsOf(tries);
    expect(gaps.length).toBeGreaterThan(0);
    expect(Math.min(...gaps)).toBeGreaterThan(1500);
    well(agent);
    expect(await onceNormal(agent)).toEqual({ right: 2, wrong: [] });
  },
  LIMIT,
);

test(
  "a cache that refuses is not tried again before there is new access, and says so",
  async () => {
    const agent = await PressedAgent.over(region);
    const tries = trouble(agent, refusal(403, "AuthorizationPermissionMismatch"));
    await agent.write(0, randomBytes(64 * KIB));
    const said = await agent.until("the refusal", ({ problem }) => problem?.code === "StorageDenied");
    expect(healthIn(said)?.message).toMatch(/403.*; it is tried again when there is new access/);
    const tried = tries.length;
    expectUnmoved(await agent.latencyDuring(sleep(4000)), { median: 5, longest: 5 }, 5000);
    expect(tries).toHaveLength(tried);
    well(agent);
    agent.plane.renews = true;
    expect(await onceNormal(agent)).toEqual({ right: 1, wrong: [] });
  },
  LIMIT,
);

test(
  "a cache that is full is told from one that is slow, and is gone on with when there is room",
  async () => {
    const agent = await withPoint();
    const tries = trouble(agent, refusal(409, "MemoryExtentStoreAtSizeLimit"));
    await agent.write(MIB, randomBytes(64 * KIB));
    const said = await agent.until("the limit", ({ problem }) => problem?.code === "StorageFull");
    expect(said).toMatchObject({ mode: "streaming", pressure: { rung: "slow" } });
    const health = healthIn(said);
    expect(health?.message).toMatch(/409 MemoryExtentStoreAtSizeLimit.*; it is tried again at /);
    expect(health?.remedy).toMatch(/Free space in it/);
    // One try on each rung: a full account is not hammered.
    const tried = tries.length;
    await sleep(3000);
    expect(tries.length - tried).toBeLessThanOrEqual(4);
    await agent.write(2 * MIB, randomBytes(64 * KIB));
    well(agent);
    expect(await onceNormal(agent)).toEqual({ right: 2, wrong: [] });
  },
  LIMIT,
);

test(
  "behind a slow cache writes are merged, nothing that was overwritten travels, and no point is lost",
  async () => {
    const agent = await withPoint();
    const before = await agent.latencyDuring(sleep(500));
    const tries = trouble(agent, { delay: 8000 });
    const rungs = new Set<string>();
    const overwrite = async () => {
      for (let n = 0; n < 120 && !rungs.has("merging"); n++) {
        await agent.fill(8 * MIB, 10 * MIB);
        rungs.add(agent.last?.pressure?.rung ?? "");
      }
      for (let n = 0; n < 20; n++) await agent.fill(8 * MIB, 10 * MIB);
    };
    const during = await agent.latencyDuring(overwrite());
    expectUnmoved(during, before, 8000);
    // The rung between may last for less than a heartbeat.
    expect([...rungs]).toContain("merging");
    const said = await agent.until("merging", ({ pressure }) => pressure?.unrecorded !== undefined);
    expect(healthIn(said)?.message).toMatch(
      /writes are merged, \d+ MiB so far: .* when 90 % wait the journal breaks/,
    );
    expect(said.pressure?.unrecorded?.bytes).toBeLessThan(8 * MIB);
    expect(tries.length).toBeLessThan(60);
    well(agent);
    expect(await onceNormal(agent)).toEqual({ right: 2, wrong: [] });
    expect(agent.plane.registered).toHaveLength(1);
  },
  LIMIT,
);

test(
  "a cache that is gone for long breaks the journal cleanly; points before stay, and a comparison follows by itself",
  async () => {
    const agent = await PressedAgent.over(region);
    await agent.fill(0, 4 * MIB);
    await agent.point();
    await agent.caughtUp();
    const before = await agent.latencyDuring(sleep(500));
    trouble(agent, { cut: true });
    expectUnmoved(await agent.latencyDuring(agent.fill(4 * MIB, DISK)), before, 5000);
    const said = await agent.until("the break", ({ mode }) => mode === "stopped");
    expect(said).toMatchObject({ pressure: { rung: "broken" }, problem: { code: "SpoolFull" } });
    const health = healthIn(said);
    expect(health).toMatchObject({ code: "SpoolFull", level: "Error" });
    expect(health?.remedy).toMatch(/a new generation begins by itself/);
    await agent.fill(0, 2 * MIB);
    well(agent);
    await agent.until(
      "the next generation",
      ({ generation, mode }) => generation === 2 && mode === "streaming",
    );
    expect(await agent.checkPoints()).toEqual({ right: 1, wrong: [] });
    await agent.caughtUp();
    const [copied] = replayed(await agent.journal(2), [DISK]);
    expect(sha256(copied ?? Buffer.alloc(0))).toBe(sha256(agent.content));
  },
  LIMIT,
);

test(
  "an agent that is killed between fence and hand-over hands over all the same",
  async () => {
    const agent = await withPoint();
    await agent.caughtUp();
    trouble(agent, { cut: true });
    await agent.write(MIB, Buffer.alloc(4 * KIB, 1));
    await agent.write(2 * MIB, Buffer.alloc(512 * KIB, 2));
    const { captured } = await agent.until(
      "its last word",
      (beat) => beat.captured.sequence > beat.cached.sequence,
    );
    const before = Buffer.from(agent.content);
    agent.plane.fenced = true;
    agent.plane.active = false;
    await agent.stopped();
    // The guest goes on, over what the spool refers to.
    await agent.write(2 * MIB, Buffer.alloc(64 * KIB, 3));
    await agent.kill();
    await agent.start();
    await agent.write(2 * MIB + 64 * KIB, Buffer.alloc(64 * KIB, 4));
    await agent.kill();
    well(agent);
    await agent.start();
    await agent.handedOver();
    const told = agent.plane.handedOver.at(-1);
    expect(told).toMatchObject({ generation: 1, captured: { sequence: captured.sequence } });
    const [disk] = replayed(await agent.journal(), [DISK]);
    expect(sha256(disk ?? Buffer.alloc(0))).toBe(sha256(before));
  },
  LIMIT,
);
