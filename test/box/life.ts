import { deepEqual } from "node:assert/strict";
import type {
  ReplicationProtectedItem,
  SiteRecoveryManagementClient,
} from "@azure/arm-recoveryservices-siterecovery";
import { z } from "zod";
import { leewardItem } from "../../engine/contract/protected-item.ts";
import { armId } from "../../engine/core/ids.ts";
import { REGIONS } from "../../local/box/place.ts";
import { customersAt, ledgerOf } from "../../local/demo/scene.ts";
import { waitFor } from "../../local/demo/wait.ts";
import type { AcknowledgedOrder, Customers } from "../../local/machine/customers.ts";
import type { BoxFixture } from "./fixture.ts";
import { all, siteRecoveryClient } from "./site-recovery.ts";

/** Where an item is: its fabric, its container and its name. */
export type Place = readonly [fabric: string, container: string, item: string];

export const HOME: Place = ["West", "Shop", "Ledger"];
export const AWAY: Place = ["North", "Rear", "Ledger"];
export const [WEST, NORTH] = [REGIONS.source, REGIONS.target];

/** Of an item that is protected, and of one that was failed over: as the client shows it. */
export const PROTECTED = [
  "Protected",
  ["PlannedFailover", "UnplannedFailover", "RepairReplication", "DisableProtection", "TestFailover"],
] as const;
export const PENDING = [
  "UnplannedFailoverCommitPendingStatesBegin",
  ["Commit", "ChangePit", "CancelFailover", "DisableProtection"],
] as const;
export const COMMITTED = [
  "UnplannedFailoverCommitted",
  ["SwitchProtection", "ReverseReplicate", "DisableProtection"],
] as const;

const BRISK = { sealAge: 1000, heartbeatEvery: 500, pointInterval: 4000, checkpointInterval: 8000 };
const PATIENCE = 240_000;
const place = z.object({ primaryFabricLocation: z.string(), recoveryFabricLocation: z.string() });

/** A machine's life as Microsoft's client sees it, and the customers who order at it, wherever it runs. */
export class Life {
  readonly box: BoxFixture;
  readonly client: SiteRecoveryManagementClient;
  /** What the client's calls begin with. */
  readonly vault: readonly [name: string, group: string];
  #customers: Customers | undefined;

  /** @param box open */
  constructor(box: BoxFixture) {
    this.box = box;
    this.client = siteRecoveryClient(box);
    briskly(this.client);
    const [, , , , group = "", , , , name = ""] = box.vault.split("/");
    this.vault = [name, group];
  }

  idOf(at: Place): string {
    return `${this.containerOf(at)}/replicationProtectedItems/${at[2]}`;
  }

  containerOf([fabric, container]: Place): string {
    return `${this.box.vault}/replicationFabrics/${fabric}/replicationProtectionContainers/${container}`;
  }

  groupOf(name: string): string {
    return `/subscriptions/${this.box.box.plan.subscription}/resourceGroups/${name}`;
  }

  /** What the client shows of the item, checked: its state, and what may be asked of it. */
  async shown(
    at: Place,
    [state, allowed]: readonly [string, readonly string[]],
  ): Promise<ReplicationProtectedItem> {
    const item = await this.client.replicationProtectedItems.get(...this.vault, ...at);
    const { protectionState, allowedOperations } = item.properties ?? {};
    deepEqual([protectionState, allowedOperations?.toSorted()], [state, allowed.toSorted()]);
    return item;
  }

  /** The newest job of a scenario has ended well, and is of this item. */
  async ended(scenario: string, at: Place): Promise<void> {
    const jobs = await all(
      this.client.replicationJobs.list(...this.vault, { filter: `ScenarioName eq '${scenario}'` }),
    );
    const [newest] = jobs.toSorted(
      (a, b) => Number(b.properties?.startTime) - Number(a.properties?.startTime),
    );
    const { state, targetObjectId, errors } = newest?.properties ?? {};
    deepEqual(
      { state, targetObjectId, errors },
      { state: "Succeeded", targetObjectId: this.idOf(at), errors: [] },
    );
  }

  /** What of the item is Leeward's own, and no client of Site Recovery reads. */
  async leewardOf(at: Place): Promise<z.infer<typeof leewardItem>> {
    const body = z.object({ properties: z.object({ leeward: leewardItem }) });
    return body.parse((await this.box.call("GET", this.idOf(at))).body).properties.leeward;
  }

  pointsOf(at: Place) {
    return all(this.client.recoveryPoints.listByReplicationProtectedItems(...this.vault, ...at));
  }

  async morePoints(at: Place, than: number): Promise<void> {
    const look = async () => (await this.pointsOf(at)).length > than || undefined;
    await waitFor(`more than ${than} points`, look, PATIENCE);
  }

  /** Customers order at this machine from now on; nobody orders anywhere else. */
  async openShopAt(vm: string, seed: number): Promise<string> {
    await this.closeShop();
    const url = await this.ledgerAt(vm);
    this.#customers = customersAt(url, this.box.directory, seed);
    await this.ordersTaken(20);
    return url;
  }

  async closeShop(): Promise<void> {
    await this.#customers?.stop();
  }

  /** Those of the shop that was opened last. */
  get acknowledged(): readonly AcknowledgedOrder[] {
    return this.#customers?.log.acknowledged ?? [];
  }

  async ordersTaken(more: number): Promise<void> {
    const wanted = this.acknowledged.length + more;
    const look = async () => this.acknowledged.length >= wanted || undefined;
    await waitFor(`${more} orders`, look, 60_000);
  }

  /** URL of the ledger on this machine, once it answers. */
  ledgerAt(vm: string): Promise<string> {
    return waitFor(`the ledger of ${vm}`, () => this.answering(vm), PATIENCE);
  }

  async answering(vm: string): Promise<string | undefined> {
    const url = await ledgerOf(this.box.box, armId(vm));
    if (url === undefined) return undefined;
    try {
      return (await fetch(`${url}/health`)).ok ? url : undefined;
    } catch {
      return undefined;
    }
  }
}

/** The machine that was built, from the item's model. */
export const builtFrom = (item: ReplicationProtectedItem): string =>
  z.object({ recoveryFabricObjectId: z.string() }).parse(item.properties?.providerSpecificDetails)
    .recoveryFabricObjectId;

/** From where it is protected, and to where. */
export function directionOf(item: ReplicationProtectedItem): [from: string, to: string] {
  const found = place.parse(item.properties?.providerSpecificDetails);
  return [found.primaryFabricLocation, found.recoveryFabricLocation];
}

/** Points each few seconds, where ASR's policy has minutes: what ASR's client does not know of, it is made to send along. */
function briskly(client: SiteRecoveryManagementClient): void {
  client.pipeline.addPolicy({
    name: "brisk",
    sendRequest: (request, next) => {
      const { method, url, body: sent } = request;
      if (method === "PUT" && /replicationProtectedItems\/[^/]+\?/.test(url) && typeof sent === "string") {
        const body = z.object({ properties: z.looseObject({}) }).parse(JSON.parse(sent));
        request.body = JSON.stringify({
          properties: { ...body.properties, leeward: { policy: BRISK } },
        });
      }
      return next(request);
    },
  });
}
