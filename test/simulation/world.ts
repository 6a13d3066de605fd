import { createHash, type Hash } from "node:crypto";
import type { Clock } from "../../engine/core/clock.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import type { BarrierId } from "../../engine/core/ids.ts";
import { type Micros, micros } from "../../engine/core/units.ts";
import { type DataKey, newDataKey } from "../../engine/journal/key.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { createReplica } from "../../engine/replication/replica.ts";
import { FOOTER } from "../fixtures/carried.ts";
import { Auditor } from "./auditor.ts";
import { type Plane, servicesOver } from "./control-plane.ts";
import { Dice } from "./dice.ts";
import type { Built } from "./failover.ts";
import { MACHINE, START, protectedItem } from "./machine.ts";
import type { Mutation } from "./mutations.ts";
import { type Process, Scheduler } from "./scheduler.ts";
import { Source } from "./source.ts";
import { type Effect, type Stores, gated, memoryStores, observed } from "./stores.ts";
import { Truth, Violation } from "./truth.ts";
import { Storm, weatherOf } from "./weather.ts";

const TRACE_KEPT = 60;

/** Both regions, the machine, and everything that is at work. */
export class World {
  readonly dice: Dice;
  readonly scheduler = new Scheduler();
  readonly stores: Stores;
  readonly truth = new Truth();
  readonly storm: Storm;
  readonly auditor: Auditor;
  readonly source: Source;
  readonly key: DataKey = newDataKey();
  readonly clock: Clock;
  readonly mutation: Mutation | undefined;
  readonly #mutated: Stores;
  readonly #effects: Effect[] = [];
  readonly #hash: Hash = createHash("sha256");
  /** The newest lines last. */
  readonly trace: string[] = [];
  #now: Micros = START;
  /** The agent has a place in a journal. */
  registered = false;
  /** The agent's journal cannot go on where it is. */
  lostPlace = true;
  /** The agent was told that its journal is closed. */
  retired = false;
  /** There is a replica to bring to points. */
  warm = true;
  /** Replication has stopped until somebody acts. */
  stopped = false;
  failover: { readonly wanted: BarrierId | undefined; built?: Built } | undefined;

  constructor(seed: number, mutation: Mutation | undefined) {
    this.mutation = mutation;
    this.dice = new Dice(seed);
    this.clock = { now: () => this.#now, sleep: async () => undefined };
    this.stores = memoryStores(this.clock);
    const seen = observed(this.stores, this.#effects);
    this.#mutated = mutation?.stores?.(seen, this.dice) ?? seen;
    this.storm = new Storm(this.dice, this.stores, { ...weatherOf(this.dice), ...mutation?.weather });
    const { stores, truth, storm, key } = this;
    this.auditor = new Auditor({ stores, truth, storm, machine: MACHINE, key });
    this.source = new Source({
      machine: MACHINE,
      key,
      dice: this.dice,
      truth,
      fault: mutation?.source,
      now: () => this.#now,
    });
  }

  /** Protection was enabled: the record and the replicas are there. */
  async prepare(): Promise<void> {
    const { disks } = this.source;
    const item = protectedItem(disks, this.dice);
    this.warm = item.policy.replica === "warm";
    await recordsIn(this.stores.records).items.create(itemKeyOf(MACHINE), item);
    for (const disk of disks) await createReplica(this.stores.pages, MACHINE, disk, FOOTER);
  }

  /** Starts production code as a process of its own. What it fails with is its caller's to see, so nobody's here. */
  start(kind: string, work: (plane: Plane) => Promise<unknown>): void {
    this.scheduler.start(kind, async (process) => {
      try {
        await work(this.#planeOf(process));
      } catch (error) {
        if (!(error instanceof LeewardError)) throw error;
        this.note(`${process.name} failed: ${error.code}`);
      }
    });
  }

  #planeOf(process: Process): Plane {
    const stores = gated(this.#mutated, this.scheduler, process);
    const services = servicesOver(stores, this.key, this.clock);
    return { services, stores, truly: this.stores, dice: this.dice, step: this.mutation?.step };
  }

  /** Lets one storage call through. */
  async grant(): Promise<void> {
    const call = this.dice.pick(this.scheduler.ready());
    if (!call) return;
    this.scheduler.take(call);
    await this.storm.let(call);
    this.note(this.storm.last);
  }

  /** Until every process waits for the storage; then everything that changed is judged. @throws Violation */
  async settle(): Promise<void> {
    await this.scheduler.settle();
    const effects = this.#effects.splice(0);
    for (const effect of effects) await this.auditor.after(effect);
    if (effects.some(({ store }) => store === "records")) {
      const progress = await recordsIn(this.stores.records).progress.get(MACHINE);
      const problem = progress?.value.problem;
      this.stopped = problem?.stopped ?? false;
      if (this.stopped && !this.storm.deceived)
        throw new Violation(`replication stopped over what passes: ${problem?.code}: ${problem?.message}`);
    }
    if (this.scheduler.crash) throw this.scheduler.crash;
  }

  pass(time: number): void {
    this.#now = micros(this.#now + time);
  }

  note(line: string): void {
    this.#hash.update(`${line}\n`);
    this.trace.push(line);
    if (this.trace.length > TRACE_KEPT) this.trace.shift();
  }

  /** Of everything that happened so far. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }
}
