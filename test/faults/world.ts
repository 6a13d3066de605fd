import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { DurableClient } from "durable-functions";
import { armClient } from "../../engine/azure/arm.ts";
import { onlyDeclared } from "../../engine/azure/declared.ts";
import { hasCode } from "../../engine/core/errors.ts";
import { type MachineId, sameArmId } from "../../engine/core/ids.ts";
import { micros } from "../../engine/core/units.ts";
import { keyName } from "../../engine/journal/names.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { MemoryRecordStore } from "../../engine/storage/memory.ts";
import type { ObjectStore } from "../../engine/storage/store.ts";
import { activities } from "../../functions/activities.ts";
import { offers } from "../../functions/offer.ts";
import { orchestrations } from "../../functions/orchestrations.ts";
import type { Services } from "../../functions/services.ts";
import { testFailover } from "../../orchestrations/test-failover.ts";
import { testFailoverCleanup } from "../../orchestrations/test-failover-cleanup.ts";
import type { Box } from "../../local/arm/box.ts";
import { openBox } from "../../local/arm/open-box.ts";
import { passingState } from "../../local/arm/state.ts";
import { ScriptedAgent } from "./agent.ts";
import { Accounts } from "./blobs.ts";
import { Calls, type Disturbance } from "./calls.ts";
import { type Process, StoryClock } from "./clock.ts";
import { armTransport, storeOf } from "./host.ts";
import { Hub } from "./hub.ts";
import { QuietHypervisor } from "./hypervisor.ts";
import { NEIGHBOUR, START, TARGET_BLOB, VM, boxOf, imageOf, settingsAt } from "./place.ts";
import type { Stage } from "./stage.ts";

/** A whole Azure with a shop in it, and Leeward's app, in one process on one clock; as much as a case of the table needs. */
export interface World {
  readonly stage: Stage;
  readonly directory: string;
  readonly clock: StoryClock;
  readonly box: Box;
  readonly accounts: Accounts;
  readonly records: MemoryRecordStore;
  readonly calls: Calls;
  readonly hub: Hub;
  readonly hypervisor: QuietHypervisor;
  /** Of the host that lives now. */
  tools(): { services: Services; client: DurableClient };
  /** Of nobody who can die, to look at things. */
  readonly eye: Services;
  close(): void;
}

let worlds = 0;

export async function openWorld(stage: Stage, disturbance?: Disturbance): Promise<World> {
  const directory = path.join(stage.directory, `world-${worlds++}`);
  for (const disk of [...stage.disks, NEIGHBOUR]) {
    const file = imageOf(directory, disk);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, "");
    truncateSync(file, disk.size);
  }
  const clock = new StoryClock(START);
  const accounts = new Accounts(() => clock.now());
  const calls = new Calls(() => clock.now(), disturbance);
  const hypervisor = new QuietHypervisor((vm) => void (sameArmId(vm, VM) && agent.start()));
  const simulator = clock.process(({ asleep }) => asleep < running(box));
  const box = await openBox({
    config: boxOf(directory, stage.disks),
    data: directory,
    state: passingState(),
    issuer: stage.issuer,
    url: stage.url,
    identityEndpoint: "http://127.0.0.1:1/msi/token",
    hypervisor,
    faults: calls,
    clock: simulator.clock,
    blobAt: accounts.blobAt,
    observe: (exchange) => stage.observe(exchange),
  });
  stage.enter(box);
  const records = new MemoryRecordStore();
  const world = { stage, clock, box, accounts, records, calls };
  const hub = new Hub(
    clock,
    { testFailover, testFailoverCleanup, ...orchestrations },
    async (name, input, client) => {
      const run: unknown = Object.hasOwn(activities, name) && Reflect.get(activities, name);
      if (typeof run !== "function") throw new Error(`there is no activity ${name}`);
      return Reflect.apply(run, undefined, [input, { services: services(), client }]);
    },
    calls,
  );
  const hosts = new Map<Process, Services>();
  const services = (): Services => {
    const known = hosts.get(hub.host) ?? servicesIn(world, hub.host, () => hub.restart());
    hosts.set(hub.host, known);
    return known;
  };
  const beside = clock.process();
  const eye = servicesIn({ ...world, calls: new Calls(() => clock.now()) }, beside, () => undefined);
  const agent = new ScriptedAgent({
    services: eye,
    client: () => hub.client(),
    story: stage.story,
    process: beside,
  });
  return {
    ...world,
    directory,
    hub,
    hypervisor,
    eye,
    tools: () => ({ services: services(), client: hub.client(calls) }),
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

const running = (box: Box): number =>
  box.state.operations.all().filter(({ status }) => status === "InProgress").length;

type Surroundings = Pick<World, "stage" | "clock" | "box" | "accounts" | "records" | "calls">;

/** What one host reaches the world through. */
function servicesIn(world: Surroundings, host: Process, die: () => void): Services {
  const { stage, box, accounts, records, calls } = world;
  const { clock } = host;
  const settings = settingsAt(stage.url);
  const seen = <Store extends object>(store: Store, named: string): Store =>
    storeOf(store, named, calls, host, die);
  const expiresOnTimestamp = Date.now() + 24 * 3_600_000;
  const arm = onlyDeclared(
    armClient({
      endpoint: stage.url,
      audience: "https://management.azure.com",
      credential: { getToken: async () => ({ token: stage.token, expiresOnTimestamp }) },
      clock,
      transport: armTransport(box, calls, host, die),
    }),
  );
  const target = seen(accounts.at(TARGET_BLOB).objects, "target");
  return {
    ...Object.create(null),
    settings,
    clock,
    arm,
    records: recordsIn(seen(records, "record")),
    target,
    objectsAt: (endpoint: string) => seen(accounts.at(endpoint).objects, nameOf(endpoint)),
    pagesAt: (endpoint: string) => seen(accounts.at(endpoint).pages, nameOf(endpoint)),
    containersAt: async (endpoint: string) =>
      seen(accounts.at(endpoint).containers, nameOf(endpoint)).names(),
    cacheAccess: async () => ({ containerUrl: "https://cache.test/leeward", expires: micros(4e15) }),
    async keyOf(machine: MachineId) {
      await keepKey(target, machine);
      return stage.story.key;
    },
    offerOf: offers(arm, clock),
  };
}

/** Instead of a random one, since the journal is written already; what is kept is none that could be unwrapped. */
async function keepKey(target: ObjectStore, machine: MachineId): Promise<void> {
  if (await target.get(keyName(machine))) return;
  try {
    await target.put(keyName(machine), Buffer.from("the key of the story"), "absent");
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
  }
}

/** `https://127.0.0.1:1/west1` is called west1. */
const nameOf = (endpoint: string): string => endpoint.split("/")[3] ?? "";
