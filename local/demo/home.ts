import { armId } from "../../engine/core/ids.ts";
import type { Customers } from "../machine/customers.ts";
import type { Options } from "../options.ts";
import { pointsView } from "./item-view.ts";
import { allOrders, checkIntegrity } from "./ledger-client.ts";
import type { Proof } from "./report.ts";
import { type Scene, containerOf, customersAt, failoverBody, sceneIn } from "./scene.ts";
import { type Told, answering, finished, partsOf, progressOf, step } from "./telling.ts";
import { waitFor } from "./wait.ts";

const LIMIT = 240_000;
const POINTS_WANTED = 2;
const ORDERS_WANTED = 50;

export interface Home {
  readonly rtoSeconds: number;
  readonly url: string;
  readonly proofs: readonly Proof[];
}

/**
 * The rest of the story: the failover is committed, the region comes back, the machine is protected towards it by what differs from
 * its former disks, and goes home by a planned failover, while customers order all the time.
 * @param away where the ledger answers now
 */
export async function comeHome(told: Told, scene: Scene, options: Options, away: string): Promise<Home> {
  const { box } = scene;
  await step(told, "commit", async () => {
    await finished(scene, await box.api.start("POST", `${scene.itemPath}/failoverCommit`, {}), LIMIT, quiet);
    return { value: undefined, detail: "the other region is where it lives now" };
  });
  const customers = customersAt(away, box.plan.directory, options.seed + 1);
  try {
    await restoreRegion(told, scene);
    const back = await reprotect(told, scene, customers);
    const { url, rtoSeconds } = await failBack(told, back, customers);
    const proofs = await step(told, "prove again", async () => {
      const value = await proofsOf(url, customers);
      return { value, detail: `${value.filter(({ holds }) => holds).length} of ${value.length} proofs hold` };
    });
    return { rtoSeconds, url, proofs };
  } finally {
    await customers.stop();
  }
}

const quiet = async () => undefined;

const restoreRegion = (told: Told, { box }: Scene): Promise<void> =>
  step(told, "the region returns", async () => {
    await box.restoreSource();
    const vm = armId(box.plan.sourceVm.id);
    const url = await waitFor("the former machine", () => answering(box, vm), LIMIT);
    return { value: undefined, detail: `its machine is there too, at ${url}, and nobody orders there` };
  });

/** The item is in the container of the region where its machine runs, from here on. */
const reprotect = (told: Told, { box, itemPath }: Scene, customers: Customers): Promise<Scene> =>
  step(told, "protect it there", async (line) => {
    const back = sceneIn(box, "target");
    const operation = await box.api.start("POST", `${containerOf(box, "source")}/switchprotection`, {
      properties: {
        replicationProtectedItemName: itemPath.split("/").at(-1),
        providerSpecificDetails: { instanceType: "A2A", recoveryContainerId: containerOf(box, "source") },
      },
    });
    await finished(back, operation, LIMIT, async () => line.update(...progressOf(await back.item())));
    const points = async () => {
      const { value } = await box.api.get(`${back.itemPath}/recoveryPoints`, pointsView);
      return value.length >= POINTS_WANTED ? value.length : undefined;
    };
    const count = await waitFor(`${POINTS_WANTED} points`, points, LIMIT, 400);
    const parts = await partsOf(box, operation);
    const { acknowledged } = customers.figures;
    return { value: back, detail: `${count} points; ${acknowledged} orders taken meanwhile`, parts };
  });

const failBack = (
  told: Told,
  scene: Scene,
  customers: Customers,
): Promise<{ url: string; rtoSeconds: number }> =>
  step(told, "go home", async (line) => {
    const { box, itemPath } = scene;
    const more = customers.figures.acknowledged + ORDERS_WANTED;
    const enough = async () => customers.figures.acknowledged >= more || undefined;
    await waitFor(`${ORDERS_WANTED} orders`, enough, LIMIT);
    const begun = performance.now();
    const operation = await box.api.start("POST", `${itemPath}/plannedFailover`, failoverBody);
    await finished(scene, operation, LIMIT, async () => line.update(...progressOf(await scene.item())));
    const { recoveryFabricObjectId: vm } = (await scene.item()).properties.providerSpecificDetails;
    if (!vm) throw new Error("the item names no virtual machine at home");
    const url = await waitFor("the ledger at home", () => answering(box, vm), LIMIT, 50);
    const rtoSeconds = (performance.now() - begun) / 1000;
    await customers.stop();
    const commit = await box.api.start("POST", `${itemPath}/failoverCommit`, {});
    const parts = await partsOf(box, operation);
    await finished(scene, commit, LIMIT, quiet);
    return { value: { url, rtoSeconds }, detail: `the ledger answers at ${url}`, parts };
  });

async function proofsOf(url: string, customers: Customers): Promise<Proof[]> {
  const { ok, report, orders } = await checkIntegrity(url);
  const kept = new Set((await allOrders(url)).map(({ id }) => id));
  const { acknowledged } = customers.log;
  const missing = acknowledged.filter(({ id }) => !kept.has(id));
  return [
    {
      claim: "at home the database is sound (PRAGMA integrity_check)",
      holds: ok,
      evidence: ok ? `ok, ${orders} orders` : report.join("; "),
    },
    {
      claim: "every order acknowledged away is there at home",
      holds: missing.length === 0 && acknowledged.length > ORDERS_WANTED,
      evidence: `${acknowledged.length - missing.length} of ${acknowledged.length}`,
    },
  ];
}
