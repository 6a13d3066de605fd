import { createHash, randomUUID } from "node:crypto";
import { type ArmId, type MachineId, armId, barrierId, operationId } from "../engine/core/ids.ts";
import { micros, sequence } from "../engine/core/units.ts";
import { type RecoveryPoint, encodeManifest } from "../engine/journal/manifest.ts";
import { CONTAINER, pointName } from "../engine/journal/names.ts";
import { type ItemRecord, itemKey, machineIdFor } from "../engine/recovery/item.ts";
import type { JobRecord } from "../engine/recovery/job.ts";
import { type AllRecords, type Records, recordsIn } from "../engine/recovery/records.ts";
import { listPoints, readPoint } from "../engine/replication/points.ts";
import { AzureObjectStore } from "../engine/storage/azure-object.ts";
import { AzureRecordStore } from "../engine/storage/azure-record.ts";
import { connectContainer, connectTable } from "../engine/storage/connect.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import { testCredential } from "../test/fixtures/region.ts";

/** A vault that holds one machine, and as many more as are wanted that differ from it by their names. */
export class FullVault {
  readonly #records: AllRecords;
  readonly #objects: ObjectStore;
  readonly #first: ItemRecord;
  #machines = 1;

  private constructor(records: AllRecords, objects: ObjectStore, first: ItemRecord) {
    this.#records = records;
    this.#objects = objects;
    this.#first = first;
  }

  static async open(tableEndpoint: string, blobEndpoint: string, item: ArmId): Promise<FullVault> {
    const credential = testCredential();
    const records = recordsIn(new AzureRecordStore(connectTable(tableEndpoint, "leeward", credential)));
    const objects = new AzureObjectStore(connectContainer(blobEndpoint, CONTAINER, credential));
    const first = await records.items.get(itemKey(item));
    if (!first) throw new RangeError(`there is no ${item}`);
    return new FullVault(records, objects, first.value);
  }

  /** Machines, and as many jobs of theirs; each has a point. */
  async grow(machines: number): Promise<void> {
    const before = this.#machines;
    this.#machines = machines;
    const newest = await this.#newest();
    await inTurns(before, machines, async (at) => {
      const machine = await this.#machine(at);
      await this.#point({ ...newest, machine }, at);
    });
  }

  /** As many points of the first machine. */
  async age(points: number): Promise<void> {
    const newest = await this.#newest();
    await inTurns(0, points, (at) => this.#point(newest, at));
  }

  /** Records of a page, straight from the storage: Azurite looks at all rows of a table, however few are asked for. */
  async readPage(): Promise<void> {
    await this.#records.groups.page(10);
  }

  /** The points of one machine, straight from the storage, which looks at all names of the container. */
  async readNames(): Promise<void> {
    await listPoints(this.#objects, this.#first.machine);
  }

  async #newest(): Promise<RecoveryPoint> {
    const last = (await listPoints(this.#objects, this.#first.machine)).at(-1);
    if (!last) throw new RangeError("the machine has no point");
    return readPoint(this.#objects, last.machine, last.id);
  }

  async #machine(at: number): Promise<MachineId> {
    const id = idOf(this.#first.id, at);
    const vmId = armId(`${this.#first.vmId}-${at}`);
    const machine = machineIdFor(id, vmId, `${at}`);
    const job = { ...this.#first.job, operation: operationId(randomUUID()) };
    await this.#records.items.create(itemKey(id), { ...this.#first, id, vmId, machine, job });
    const records = this.#records;
    const { machine: first } = this.#first;
    await copied(records.progress, first, machine);
    await copied(records.agents, first, machine);
    await copied(records.verification, first, machine);
    await copied(records.retention, first, machine);
    const ended: JobRecord = {
      format: 1,
      kind: "enable",
      operation: job.operation,
      item: id,
      machine,
      ...(at % 2 === 0 ? { state: "Succeeded" } : { state: "Failed", failure: FAILURE }),
      startTime: micros(Date.now() * 1000 + at),
      endTime: micros(Date.now() * 1000 + at + 1),
      steps: [],
    };
    await records.jobs.create(job.operation, ended);
    return machine;
  }

  async #point(like: RecoveryPoint, at: number): Promise<void> {
    const id = barrierId(uuidOf(`point ${at}`));
    const point = { ...like, id, sequence: sequence(like.sequence + at) };
    const position = { ...point.position, sequence: point.sequence };
    const name = pointName(like.machine, like.generation, point.sequence, id);
    await this.#objects.put(name, encodeManifest({ ...point, position }), "any");
  }
}

const FAILURE = { code: "Unexpected", message: "it was made so for this bench", step: "checkSource" };

export const OTHER_FABRIC = "elsewhere";

/** Every second one is in the other fabric. */
const idOf = (first: ArmId, at: number): ArmId =>
  armId(
    at % 2 === 0
      ? `${first}-${at}`
      : `${first.replace(/(replicationFabrics\/)[^/]+/i, `$1${OTHER_FABRIC}`)}-${at}`,
  );

/** What a record says of its machine nothing here reads. */
async function copied<Value>(records: Records<Value>, from: string, to: string): Promise<void> {
  const found = await records.get(from);
  if (found) await records.create(to, found.value);
}

const uuidOf = (text: string): string =>
  createHash("sha256")
    .update(text)
    .digest("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");

/** Eight at once. */
async function inTurns(from: number, to: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = from;
  const worker = async () => {
    while (next < to) await work(next++);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}
