import { randomUUID } from "node:crypto";
import path from "node:path";
import { type ArmId, armId } from "../../engine/core/ids.ts";
import { millis } from "../../engine/core/units.ts";
import type { Box } from "../box/box.ts";
import { REGIONS } from "../box/place.ts";
import { Customers } from "../machine/customers.ts";
import { machineInfoOf, machinesIn, vmDirectory } from "../machine/vm-directory.ts";
import { isAlive } from "../process/pid-file.ts";
import { type ItemView, itemView } from "./item-view.ts";

/** The protected item of the box's one machine, and what is asked of it. */
export interface Scene {
  readonly box: Box;
  readonly itemPath: string;
  item(): Promise<ItemView>;
}

/** @param side where the machine runs that is protected: the item is in that region's container */
export function sceneIn(box: Box, side: keyof typeof REGIONS = "source"): Scene {
  const itemPath = `${containerOf(box, side)}/replicationProtectedItems/ledger`;
  return { box, itemPath, item: () => box.api.get(itemPath, itemView) };
}

/** The protection container of a region. */
export const containerOf = (box: Box, side: keyof typeof REGIONS): string =>
  `${box.plan.vaultPath}/replicationFabrics/${REGIONS[side]}/replicationProtectionContainers/${REGIONS[side]}-container`;

/** Seconds rather than minutes everywhere: a story is told in a minute. Durations in milliseconds. */
const BRISK = {
  sealAge: 1000,
  heartbeatEvery: 500,
  pointInterval: 4000,
  checkpointInterval: 8000,
};
/** Of the timer that looks for points that are due. */
export const BRISK_SCHEDULE = "*/2 * * * * *";

/** The body of the one call that enables protection. @param more of the policy */
export function enableBody(box: Box, replica: "warm" | "none", more: Readonly<Record<string, unknown>> = {}) {
  const group = `/subscriptions/${box.plan.subscription}/resourceGroups`;
  return {
    properties: {
      providerSpecificDetails: {
        instanceType: "A2A",
        fabricObjectId: box.plan.sourceVm.id,
        recoveryContainerId: containerOf(box, "target"),
        recoveryResourceGroupId: `${group}/shop-recovery`,
      },
      leeward: { policy: { ...BRISK, replica, ...more } },
    },
  };
}

export const failoverBody = {
  properties: {
    failoverDirection: "PrimaryToRecovery",
    sourceSiteOperations: "NotRequired",
    providerSpecificDetails: { instanceType: "A2A" },
  },
};

/** URL of the ledger on this VM; undefined while it does not run. */
export async function ledgerOf(box: Box, vm: ArmId): Promise<string | undefined> {
  return (await machineInfoOf(vmDirectory(box.plan.directory, vm)))?.url;
}

/** URLs of all ledgers that run now. */
export async function runningLedgers(box: Box): Promise<string[]> {
  const machines = await machinesIn(box.plan.directory);
  return machines.filter(({ pid }) => isAlive(pid)).map(({ url }) => url);
}

/** @throws Error when the source machine does not run. */
export async function sourceLedger(box: Box): Promise<string> {
  const url = await ledgerOf(box, armId(box.plan.sourceVm.id));
  if (!url) throw new Error("the source machine does not run; see logs/");
  return url;
}

export const customersAt = (url: string, directory: string, seed: number): Customers =>
  new Customers({
    url,
    seed,
    customers: 6,
    thinkTime: millis(60),
    logFile: path.join(directory, `orders-${randomUUID().slice(0, 8)}.jsonl`),
  });
