import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import { z } from "zod";
import { armClient } from "../../../engine/azure/arm.ts";
import { onlyDeclared } from "../../../engine/azure/declared.ts";
import { virtualMachineBody } from "../../../engine/azure/virtual-machine.ts";
import { systemClock } from "../../../engine/core/clock.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { type ArmId, type MachineId, armId, machineId } from "../../../engine/core/ids.ts";
import { MIB, bytes, micros, millis } from "../../../engine/core/units.ts";
import { newDataKey } from "../../../engine/journal/key.ts";
import {
  type Asked,
  beginDisable,
  beginEnable,
  beginFailover,
  jobOf,
} from "../../../engine/recovery/begin.ts";
import { beginCommit } from "../../../engine/recovery/commit.ts";
import {
  type ItemRecord,
  itemKey,
  itemKeyOf,
  lastSegment,
  sourceOf,
  targetOf,
} from "../../../engine/recovery/item.ts";
import { jobInput } from "../../../engine/recovery/job.ts";
import { forgetRequest, takeOverRequest } from "../../../engine/recovery/peer-call.ts";
import { recoveryPolicy } from "../../../engine/recovery/policy.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { targetDisk } from "../../../engine/recovery/target-names.ts";
import { readPoint } from "../../../engine/replication/points.ts";
import { restorePoint } from "../../../engine/replication/restore.ts";
import { MemoryObjectStore, MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { activities } from "../../../functions/activities.ts";
import { forget } from "../../../functions/forget.ts";
import { offers } from "../../../functions/offer.ts";
import type { Peer } from "../../../functions/peer.ts";
import type { Services } from "../../../functions/services.ts";
import { plannedTakeOver, takeMachineOver } from "../../../functions/take-over.ts";
import { commitFailover } from "../../../orchestrations/commit-failover.ts";
import type { ActivityName } from "../../../orchestrations/contract.ts";
import { disableProtection } from "../../../orchestrations/disable-protection.ts";
import { enableProtection } from "../../../orchestrations/enable-protection.ts";
import { failover } from "../../../orchestrations/failover.ts";
import { reverseProtection } from "../../../orchestrations/reverse-protection.ts";
import { MemorySink } from "../../fixtures/memory-sink.ts";
import { makeNetwork, network } from "../arm/enabling.ts";
import {
  ARM_AUDIENCE,
  NORTH,
  OPERATOR,
  SUBSCRIPTION,
  type TestBox,
  WEST,
  finished,
  groupId,
  idOf,
  startBox,
} from "../arm/fixture.ts";
import { play } from "./play.ts";

/** Each box has an authority of its own, by one name: two of them are not told apart. */
const TRUSTED = tls.getCACertificates("default");
export const SIZE = bytes(20 * MIB);
export const VM = idOf("shop", "Microsoft.Compute/virtualMachines", "ledger");
export const DISK = idOf("shop", "Microsoft.Compute/disks", "ledger-os");
export const NIC = idOf("shop", "Microsoft.Network/networkInterfaces", "ledger-nic");
const VAULT = `${groupId("leeward")}/providers/Microsoft.RecoveryServices/vaults/v`;
const container = (fabric: string) =>
  `${VAULT}/replicationFabrics/${fabric}/replicationProtectionContainers/c`;
export const itemIn = (fabric: string) => armId(`${container(fabric)}/replicationProtectedItems/ledger`);
export const containerIn = (fabric: string) => armId(container(fabric));

/** An app, in its region, with records and a journal of its own. Accounts are reached by their names from both. */
export class Side {
  readonly #services: Services;
  readonly target = new MemoryObjectStore();
  /** Microseconds that its clock was put forward by. */
  ahead = 0;
  /** Called before each activity; what it throws is thrown. */
  fault: (name: ActivityName) => void = () => undefined;
  /** Each activity is run a second time at once. */
  twice = false;
  readonly name: string;
  peer: Peer | undefined;
  readonly #client = Object.assign(Object.create(null), {
    getStatus: async () => ({ runtimeStatus: "Running" }),
    raiseEvent: async () => undefined,
  });

  constructor(box: TestBox, region: string, accounts: Map<string, MemoryObjectStore>) {
    this.name = region;
    const key = newDataKey();
    const credential = {
      getToken: async () => ({
        token: await box.token(OPERATOR.secret, ARM_AUDIENCE),
        expiresOnTimestamp: Date.now() + 3_600_000,
      }),
    };
    // Hours pass between its calls: how many it may make is not what this is about.
    let hours = 0;
    const unhurried = { ...systemClock, now: () => micros(hours++ * 3_600_000_000) };
    const arm = onlyDeclared(
      armClient({
        endpoint: box.url,
        audience: ARM_AUDIENCE,
        credential,
        tls: { ca: box.ca },
        clock: unhurried,
      }),
    );
    this.#services = {
      ...Object.create(null),
      settings: {
        ...Object.create(null),
        region,
        subscription: SUBSCRIPTION,
        agentRollout: "script",
        targetBlobEndpoint: "https://target",
      },
      // Nobody waits for the simulator as long as for Azure.
      clock: {
        ...systemClock,
        now: () => micros(systemClock.now() + this.ahead),
        sleep: (time, signal) => systemClock.sleep(millis(Math.min(time, 20)), signal),
      },
      arm,
      records: recordsIn(new MemoryRecordStore()),
      target: this.target,
      objectsAt: (endpoint) => {
        const known = accounts.get(endpoint) ?? new MemoryObjectStore();
        accounts.set(endpoint, known);
        return known;
      },
      containersAt: async () => [],
      keyOf: async () => key,
      offerOf: offers(arm, unhurried),
    } satisfies Services;
  }

  get services(): Services {
    return { ...this.#services, peer: this.peer };
  }

  get tools() {
    return { services: this.services, client: this.#client };
  }

  async item(machine: MachineId): Promise<ItemRecord> {
    const found = await this.services.records.items.get(itemKeyOf(machine));
    if (!found) throw new Error(`${this.name} has no item`);
    return found.value;
  }

  /** This app, as the other one calls it: with JSON, to JSON. */
  asPeer(): Peer {
    return {
      call: async (route, body, answer) => {
        const sent: unknown = JSON.parse(JSON.stringify(body));
        return answer.parse(JSON.parse(JSON.stringify(await this.#answer(route, sent))));
      },
    };
  }

  async #answer(route: string, body: unknown): Promise<unknown> {
    const { services, client } = this.tools;
    if (route === "forget")
      return { operation: (await forget(services, client, forgetRequest.parse(body))) ?? null };
    const { given, dryRun } = takeOverRequest.parse(body);
    if (dryRun) return { changes: await plannedTakeOver(services, given) };
    return { operation: await takeMachineOver(services, client, given) };
  }

  enable(machine: MachineId) {
    return this.#run(machine, enableProtection);
  }
  reverse(machine: MachineId) {
    return this.#run(machine, reverseProtection);
  }
  async failOver(machine: MachineId) {
    await this.#begin(machine, beginFailover);
    const played = await this.#run(machine, failover);
    // Whoever captures it sees that it is over, and takes away what it has.
    await activities.capture({ machine }, this.tools);
    return played;
  }
  async commit(machine: MachineId) {
    await this.#begin(machine, beginCommit);
    return this.#run(machine, commitFailover);
  }
  async beginDisable(machine: MachineId): Promise<void> {
    const terms = { purge: false, keepPoints: false };
    await this.#begin(machine, (old, asked) => beginDisable(old, terms, asked));
  }
  /** The job that its item has now. */
  disable(machine: MachineId) {
    return this.#run(machine, disableProtection);
  }

  #begin(machine: MachineId, begin: (old: ItemRecord, asked: Asked) => ItemRecord): Promise<ItemRecord> {
    const asked = { now: this.services.clock.now() };
    return this.services.records.items.update(itemKeyOf(machine), (old) => begin(old, asked));
  }

  async #run(machine: MachineId, orchestrator: typeof enableProtection) {
    const job = jobOf(await this.item(machine));
    await this.services.records.jobs.ensure(job.operation, job);
    return play(orchestrator, jobInput(job), async (name, input) => {
      this.fault(name);
      if (name === "observeAgent" || name === "countPoints") await this.background(machine);
      if (this.twice && name !== "seedFormer") await this.#act(name, input);
      return this.#act(name, input);
    });
  }

  /** What goes on beside the job. */
  async background(machine: MachineId): Promise<void> {
    await activities.capture({ machine }, this.tools);
    await activities.tendResync({ machine }, this.tools);
    await activities.ship({ machine }, this.tools);
    await activities.cut({ machine }, this.tools);
  }

  async #act(name: ActivityName, input: unknown): Promise<unknown> {
    const all: Record<string, unknown> = activities;
    const found = all[name];
    if (typeof found !== "function") throw new Error(`the scene has no activity ${name}`);
    return Reflect.apply(found, undefined, [input, this.tools]);
  }

  /** The disk of the newest point, from the journal alone. */
  async newest(machine: MachineId): Promise<Buffer> {
    const { records, target, keyOf } = this.services;
    const point = (await records.progress.get(machine))?.value.point;
    if (!point) throw new Error(`${this.name} has no point`);
    const sink = new MemorySink(SIZE);
    const key = await keyOf(machine);
    await restorePoint({
      objects: target,
      key,
      point: await readPoint(target, machine, point.id),
      sinkFor: async () => sink,
    });
    return sink.content;
  }
}

export interface Scene {
  readonly box: TestBox;
  /** Where the machine is protected from at first, in the region that it goes to. */
  readonly north: Side;
  readonly west: Side;
  readonly machine: MachineId;
  /** What a disk holds, wherever it is. */
  disk(id: ArmId): Buffer;
  /** The guest writes. */
  write(id: ArmId, offset: number, data: Buffer): void;
  /** Ids of all snapshots. */
  snapshots(): Promise<string[]>;
}

/** Two apps that know each other, and a machine whose enablement in the one has begun. @param content of its disk */
export async function twoSides(content: Buffer): Promise<Scene> {
  const directory = mkdtempSync(path.join(tmpdir(), "leeward-way-back-"));
  const file = path.join(directory, "os.img");
  writeFileSync(file, content);
  const creationData = { createOption: "Empty" };
  const properties = { creationData, diskSizeGB: 1, osType: "Linux" };
  const body = { location: WEST, sku: { name: "Premium_LRS" }, properties };
  const seed = [
    { id: groupId("shop"), body: { location: WEST } },
    { id: DISK, body, file },
  ];
  const box = await startBox({ directory, config: { seed } });
  tls.setDefaultCACertificates([...TRUSTED, box.ca]);
  await makeVm(box);
  const accounts = new Map<string, MemoryObjectStore>();
  const north = new Side(box, NORTH, accounts);
  const west = new Side(box, WEST, accounts);
  north.peer = west.asPeer();
  west.peer = north.asPeer();
  const policy = recoveryPolicy.parse({ capture: "snapshots", replica: "none", bootCheck: "running" });
  const wish = {
    id: itemIn("west"),
    vmId: VM,
    policy,
    request: { resourceGroup: groupId("recovery") },
    recoveryContainerId: container("north"),
  };
  const item = beginEnable(undefined, wish, { now: systemClock.now() });
  await north.services.records.items.create(itemKey(wish.id), item);
  return { box, north, west, machine: item.machine, disk, write, snapshots };

  function disk(id: ArmId): Buffer {
    return readFileSync(fileOf(id)).subarray(0, SIZE);
  }
  function write(id: ArmId, offset: number, data: Buffer): void {
    const whole = readFileSync(fileOf(id));
    data.copy(whole, offset);
    writeFileSync(fileOf(id), whole);
  }
  function fileOf(id: ArmId): string {
    return id === DISK ? file : path.join(directory, "disks", `${lastSegment(id)}.img`);
  }
  async function snapshots(): Promise<string[]> {
    const found: string[] = [];
    for (const group of ["shop", "recovery"])
      for await (const one of box.client.list(`${groupId(group)}/providers/Microsoft.Compute/snapshots`))
        found.push(z.object({ id: z.string() }).parse(one).id);
    return found;
  }
}

async function makeVm(box: TestBox): Promise<void> {
  await makeNetwork(box);
  const { client } = box;
  const subnet = { id: `${network("net")}/subnets/apps` };
  const properties = { ipConfigurations: [{ name: "ip", properties: { subnet } }] };
  await finished(client, await client.put(NIC, { location: WEST, properties }));
  const spec = virtualMachineBody({
    id: VM,
    location: WEST,
    size: "Standard_D2s_v5",
    osDisk: { id: DISK, caching: "None", osType: "Linux" },
    dataDisks: [],
    networkInterfaces: [NIC],
    owner: { machine: machineId("nobody"), role: "none" },
  });
  await finished(client, await client.put(VM, { ...spec, tags: {}, identity: { type: "SystemAssigned" } }));
}

/** The only disk of the machine that a failover built. */
export function builtDisk(item: ItemRecord): ArmId {
  const [disk] = sourceOf(item).disks;
  if (!disk || !item.failover) throw new Error("nothing was built");
  return targetDisk(targetOf(item), disk.name, item.failover.point);
}

/** As a call that never comes. */
export const unreachable: Peer = {
  call: () => Promise.reject(new LeewardError("PeerUnreachable", "nobody answers")),
};
