import { rmSync } from "node:fs";
import { type Box, openBox } from "../box/box.ts";
import type { Customers } from "../machine/customers.ts";
import type { Options } from "../options.ts";

import { comeHome } from "./home.ts";
import { type ItemView, pointsView } from "./item-view.ts";
import { TROUBLED_LADDER, TROUBLED_SPOOL_MEBIBYTES, troubleCache } from "./cache-trouble.ts";
import { HostKiller } from "./killer.ts";
import { LEDGER_DISK_BYTES, prepareLedgerDisks } from "./ledger-disk.ts";
import { type Evidence, proveAll } from "./proofs.ts";
import type { LossReport, Report } from "./report.ts";
import {
  BRISK_SCHEDULE,
  type Scene,
  customersAt,
  enableBody,
  failoverBody,
  sceneIn,
  sourceLedger,
} from "./scene.ts";
import { type Told, answering, finished, partsOf, progressOf, step } from "./telling.ts";
import type { Terminal } from "./terminal.ts";
import { waitFor } from "./wait.ts";

const POINTS_WANTED = 4;
const ENABLE_LIMIT = 150_000;
const POINTS_LIMIT = 90_000;
const FAILOVER_LIMIT = 150_000;

/** Tells the whole story in a box of its own, and reports it. The box is gone afterwards, unless it is to be kept. */
export async function tellStory(options: Options, terminal: Terminal, signal: AbortSignal): Promise<Report> {
  const begun = performance.now();
  rmSync(options.directory, { recursive: true, force: true });
  const told: Told = { steps: [], terminal };
  const box = await step(told, "box", async (line) => {
    const opened = await openBox({
      directory: options.directory,
      machines: [{ name: "ledger", disks: [LEDGER_DISK_BYTES] }],
      prepareDisk: (plan) => prepareLedgerDisks(plan.sourceVm, options.seed),
      pointSchedule: BRISK_SCHEDULE,
      wayBack: true,
      spoolMebibytes: options.trouble ? TROUBLED_SPOOL_MEBIBYTES : undefined,
      onProgress: (what) => line.update(what),
    });
    return { value: opened, detail: "two regions with an app in each, Resource Manager, a machine" };
  });
  try {
    signal.throwIfAborted();
    const interrupted = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason)),
    );
    return await Promise.race([play(options, told, box, begun), interrupted]);
  } finally {
    await box.stop();
    if (!options.keep) rmSync(options.directory, { recursive: true, force: true });
  }
}

async function play(options: Options, told: Told, box: Box, begun: number): Promise<Report> {
  const scene = sceneIn(box);
  const killer = new HostKiller(options.killHost, options.seed, () => box.killHost());
  const customers = await openShop(told, box, options);
  try {
    await killer.during("enable", () => protect(told, scene, options, customers));
    if (options.trouble) await trouble(told, scene, customers);
    const before = await killer.during("replicate", () => replicate(told, scene, customers));
    const lost = await loseRegion(told, box, customers);
    const failedOver = await killer.during("failover", () => failOver(told, scene));
    const evidence: Evidence = {
      box,
      item: failedOver.item,
      url: failedOver.url,
      customers: customers.log,
      lostAt: lost.at,
    };
    const proved = await step(told, "prove", async (line) => {
      const value = await proveAll(evidence, (what) => line.update(what));
      const held = value.proofs.filter(({ holds }) => holds).length;
      return { value, detail: `${held} of ${value.proofs.length} proofs hold` };
    });
    const home = await killer.during("home", () => comeHome(told, scene, options, failedOver.url));
    return {
      seed: options.seed,
      replica: options.replica,
      hostKills: killer.done,
      steps: told.steps,
      volume: proved.volume,
      losses: { shownBefore: before.losses, announced: proved.announced, real: proved.real },
      rpoSeconds: proved.rpoSeconds,
      rtoSeconds: failedOver.rtoSeconds,
      point: proved.point,
      ledgerUrl: failedOver.url,
      proofs: [...proved.proofs, ...home.proofs],
      home: { rtoSeconds: home.rtoSeconds, ledgerUrl: home.url },
      seconds: (performance.now() - begun) / 1000,
    };
  } finally {
    await customers.stop();
  }
}

const openShop = (told: Told, box: Box, { seed }: Options): Promise<Customers> =>
  step(told, "open the shop", async () => {
    const url = await sourceLedger(box);
    const customers = customersAt(url, box.plan.directory, seed);
    await waitFor(
      "the first orders",
      async () => customers.log.acknowledged.length >= 20 || undefined,
      30_000,
    );
    return { value: customers, detail: `the ledger takes orders at ${url}` };
  });

const trouble = (told: Told, scene: Scene, customers: Customers): Promise<void> =>
  step(told, "trouble the cache", async (line) => ({
    value: undefined,
    ...(await troubleCache(scene, customers, (what) => line.update(what))),
  }));

const protect = (told: Told, scene: Scene, options: Options, customers: Customers): Promise<void> =>
  step(told, "protect", async (line) => {
    const { api } = scene.box;
    const operation = await api.start(
      "PUT",
      scene.itemPath,
      enableBody(scene.box, options.replica, options.trouble ? { retryLadder: TROUBLED_LADDER } : {}),
    );
    await finished(scene, operation, ENABLE_LIMIT, async () =>
      line.update(...progressOf(await scene.item())),
    );
    return {
      value: undefined,
      detail: `${customers.figures.acknowledged} orders taken meanwhile`,
      parts: await partsOf(scene.box, operation),
    };
  });

interface Before {
  readonly losses: { readonly vm: LossReport; readonly region: LossReport };
}

const replicate = (told: Told, scene: Scene, customers: Customers): Promise<Before> =>
  step(told, "replicate", async (line) => {
    const enough = async () => {
      const [item, points] = await Promise.all([
        scene.item(),
        scene.box.api.get(`${scene.itemPath}/recoveryPoints`, pointsView),
      ]);
      const { losses } = item.properties.leeward;
      const count = points.value.length;
      line.update(
        `${count} points; VM loss ${lossText(losses?.vm)}, region loss ${lossText(losses?.region)}; ` +
          `${customers.figures.perSecond.toFixed(0)} orders/s`,
        count / POINTS_WANTED,
      );
      return losses && count >= POINTS_WANTED ? { count, losses } : undefined;
    };
    const { count, losses } = await waitFor(`${POINTS_WANTED} recovery points`, enough, POINTS_LIMIT, 400);
    return {
      value: { losses },
      detail: `${count} points; VM loss ${lossText(losses.vm)}, region loss ${lossText(losses.region)}`,
    };
  });

const lossText = (loss: LossReport | undefined) =>
  loss ? `${loss.seconds.toFixed(1)} s (${loss.writes} writes)` : "unknown";

const loseRegion = (told: Told, box: Box, customers: Customers): Promise<{ at: number }> =>
  step(told, "lose the region", async () => {
    const orders = customers.figures.acknowledged;
    const at = performance.timeOrigin + performance.now();
    await box.loseSource();
    await customers.stop();
    return { value: { at }, detail: `storage, machine and agent killed after ${orders} orders` };
  });

const failOver = (told: Told, scene: Scene): Promise<{ url: string; item: ItemView; rtoSeconds: number }> =>
  step(told, "fail over", async (line) => {
    const begun = performance.now();
    const operation = await scene.box.api.start("POST", `${scene.itemPath}/unplannedFailover`, failoverBody);
    await finished(scene, operation, FAILOVER_LIMIT, async () =>
      line.update(...progressOf(await scene.item())),
    );
    const item = await scene.item();
    const vm = item.properties.providerSpecificDetails.recoveryFabricObjectId;
    if (!vm) throw new Error("the failed-over item names no virtual machine");
    const url = await waitFor("the ledger of the target machine", () => answering(scene.box, vm), 30_000, 50);
    const rtoSeconds = (performance.now() - begun) / 1000;
    return {
      value: { url, item, rtoSeconds },
      detail: `the ledger answers again at ${url}`,
      parts: await partsOf(scene.box, operation),
    };
  });
