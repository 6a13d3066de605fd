import { createHash, type Hash } from "node:crypto";
import type { Processes } from "../../agent/lock.ts";
import type { Files } from "../../agent/files.ts";
import type { Clock } from "../../engine/core/clock.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type BarrierId, barrierId } from "../../engine/core/ids.ts";
import { type Micros, KIB, micros, millis } from "../../engine/core/units.ts";
import { type DataKey, newDataKey } from "../../engine/journal/key.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { createReplica } from "../../engine/replication/replica.ts";
import { FOOTER } from "../fixtures/carried.ts";
import { Auditor } from "./auditor.ts";
import { Causality } from "./causality.ts";
import { type Plane, servicesOver, toolsOf } from "./control-plane.ts";
import { Deletions, type Moment } from "./deletions.ts";
import { Dice } from "./dice.ts";
import { beginTogether } from "./group-actions.ts";
import { Group, HOLDS } from "./group.ts";
import { Guest } from "./guest.ts";
import { BRISK, type Machine, START, VAULT, machineNumber, principalOf, protectedItem } from "./machine.ts";
import { type MachineClock, TRUE_CLOCK, wrongClock } from "./machine-clock.ts";
import { mortalFiles } from "./mortal-files.ts";
import type { Mutation } from "./mutations.ts";
import { mustBeSound, mustNotBeLost } from "./readers.ts";
import { type Process, Scheduler } from "./scheduler.ts";
import { type Effect, type Stores, gated, memoryStores, observed, nameOf } from "./stores.ts";
import { watchRot } from "./rot.ts";
import { SIDES, type Side, mayTurn } from "./side.ts";
import { checkTravel } from "./travel.ts";
import { Tally } from "./tally.ts";
import { WorksWatch } from "./works-watch.ts";
import { Truth, Violation } from "./truth.ts";
import { Storm, mildWeatherOf, milder, weatherOf } from "./weather.ts";

const TRACE_KEPT = Number(process.env["TRACE"] ?? 60);

/** Seeds whose points are thinned, of each 64; one of them has a group as well, which makes its life dear. */
const THINNING: ReadonlySet<number> = new Set([13, 15, 31, 47, 63]);
/** A life between two regions whose points are thinned is the dearest of all. */
const thinsAndTurns = (seed: number): boolean => seed % 256 === 51;
/** Some lives with a group, some whose points are thinned, some with both among them. */
function rotsOf(seed: number): World["rots"] {
  const often = seed % 32 === 3 || seed % 64 === 31 || seed % 64 === 37;
  if (often || seed % 512 === 307) return "healable";
  return seed % 32 === 11 || seed % 64 === 47 || seed % 128 === 13 ? "all" : undefined;
}

/** Both regions, the machines, and everything that is at work. */
export class World {
  readonly dice: Dice;
  readonly scheduler: Scheduler;
  /** Of each direction; a second one only where machines are failed back. */
  readonly #sides: readonly Stores[];
  readonly storm: Storm;
  readonly machines: Machine[] = [];
  /** How the disks of each failover were built. */
  readonly roads: string[] = [];
  readonly key: DataKey = newDataKey();
  readonly mutation: Mutation | undefined;
  /** The stores as the product reaches them, but for the scheduler. */
  readonly #reached: readonly Stores[];
  /** Machines that were failed over are protected towards the region that they came from, with accounts of that direction. */
  readonly turns: boolean;
  readonly #effects: Effect[] = [];
  readonly #hash: Hash = createHash("sha256");
  /** The newest lines last. */
  readonly trace: string[] = [];
  #now: Micros = START;
  #barriers = 0;

  /** Points are thinned, layers built and segments deleted, which the policy of other worlds leaves for later than they last. */
  readonly thins: boolean;
  /** Objects of the target rot where they lie: `healable` those that something else can be made again of, or all. */
  readonly rots: "healable" | "all" | undefined;
  /** Whose call was let through last. */
  #acting: Process | undefined;
  /** Points are asked for with the applications at rest. */
  readonly freezes: boolean;
  readonly tally = new Tally();
  readonly causality = new Causality();
  readonly #works = new WorksWatch(this.tally);
  /** Where there is one, several machines have clocks of their own, and talk with each other. */
  readonly group: Group | undefined;

  constructor(seed: number, mutation: Mutation | undefined) {
    this.mutation = mutation;
    this.thins =
      mutation?.thins ?? (mutation === undefined && (THINNING.has(seed % 64) || thinsAndTurns(seed)));
    this.rots = mutation ? mutation.rots : rotsOf(seed);
    this.dice = new Dice(seed);
    this.scheduler = new Scheduler(() => this.#now);
    this.turns = mutation?.turns ?? (mutation === undefined && mayTurn(seed));
    this.#sides = SIDES.map(() => memoryStores());
    this.#reached = this.#sides.map((stores, side) => {
      const seen = observed(stores, this.#effects, side === 0 ? 0 : 1);
      return mutation?.stores?.(seen, this.dice) ?? seen;
    });
    const grouped = mutation === undefined ? seed % 4 === 1 : mutation.grouped === true;
    this.freezes = grouped || (mutation === undefined && seed % 8 === 2);
    const weather = grouped ? mildWeatherOf(this.dice) : weatherOf(this.dice);
    const usual = this.thins ? milder(weather) : weather;
    this.storm = new Storm(this.dice, this.#sides, { ...usual, ...mutation?.weather });
    this.group = grouped ? this.#newGroup() : undefined;
  }

  /** Those of the first direction, where nothing else is said. */
  get stores(): Stores {
    return this.storesOf(0);
  }

  storesOf(side: Side): Stores {
    const stores = this.#sides[side];
    if (!stores) throw new RangeError(`there is no direction ${side}`);
    return stores;
  }

  reachedOf(side: Side): Stores {
    return this.#reached[side] ?? this.storesOf(side);
  }

  #newGroup(): Group {
    const { stores, storm, causality, machines, tally } = this;
    const hold = this.dice.pick(HOLDS) ?? millis(100);
    const retention = this.thins ? BRISK : undefined;
    return new Group({ vault: VAULT, hold, retention, stores, storm, causality, machines, tally });
  }

  /** Protection was enabled: records and replicas are there. */
  async prepare(): Promise<void> {
    const count = this.dice.weighted([
      [this.group ? 0 : 6, 1],
      [3, 2],
      [this.turns ? 0 : 1, 3],
    ]);
    if (this.group) await recordsIn(this.stores.records).groups.create(this.group.key, this.group.record);
    for (let n = 0; n < (count ?? 1); n++) await this.#protect(n);
  }

  async #protect(n: number): Promise<void> {
    const { stores, storm, key, dice } = this;
    const id = machineNumber(n);
    const truth = new Truth();
    const auditors = this.#sides.map((each) => new Auditor({ stores: each, truth, storm, machine: id, key }));
    const [auditor] = auditors;
    if (!auditor) throw new RangeError("there is no direction");
    const contents = this.turns ? Guest.manyBlocksFor(dice) : Guest.contentsFor(dice);
    const guest = this.guest(id, truth, 0, contents);
    const item = protectedItem(guest, dice, this.thins ? BRISK : undefined);
    const warm = item.policy.replica === "warm";
    // A whole copy fits, with some writes beside it, or with any number of them.
    const whole = guest.disks.reduce((sum, { size }) => sum + size, 0);
    const spoolLimit = 2 * whole + (dice.pick([100 * KIB, 400 * KIB, 4000 * KIB]) ?? 0);
    const deletions = this.thins ? new Deletions() : undefined;
    const fixed = {
      id,
      truth,
      auditors,
      auditor,
      side: 0 as const,
      deletions,
      warm,
      spoolLimit,
      former: [],
      rots: new Map(),
    };
    this.machines.push({ ...fixed, guest, begun: false, stopped: false, failover: undefined, failovers: 0 });
    await recordsIn(stores.records).items.create(itemKeyOf(id), item);
    for (const { pages } of this.turns ? this.#sides : [stores])
      for (const disk of guest.disks) await createReplica(pages, id, disk, FOOTER);
  }

  /** A virtual machine that may be protected under this id. */
  guest(
    machine: Machine["id"],
    truth: Truth,
    nth: number,
    contents: readonly Buffer[],
    side: Side = 0,
  ): Guest {
    return new Guest({
      machine,
      principal: principalOf(machine, nth),
      clock: this.group ? wrongClock(this.dice, this.#now) : TRUE_CLOCK,
      side,
      dice: this.dice,
      truth,
      causality: this.causality,
      fault: this.mutation?.guest,
      contents,
      forgotten: (name) => this.#effects.push({ store: "spool", side, method: "forget", args: [name] }),
    });
  }

  /** Starts production code as a process of its own. What it fails with is its caller's to see, so nobody's here. */
  start(
    kind: string,
    machine: Machine,
    work: (plane: Plane, process: Process) => Promise<unknown>,
    side = machine.side,
  ): Process {
    return this.scheduler.start(kind, async (process) => {
      try {
        await work(this.#planeOf(process, machine, side), process);
      } catch (error) {
        if (!(error instanceof LeewardError)) throw error;
        this.note(`${process.name} failed: ${error.code}`);
        const rotted = this.machines.some((one) => one.id === machine.id && one.rotted);
        if (!this.storm.lied && !rotted) mustNotBeLost(process.name, error);
        this.tally.note(`failed: ${kind.split(":")[0]} with ${error.code}`);
      }
    });
  }

  #planeOf(process: Process, { id: machine, turn }: Machine, side: Side): Plane {
    const stores = gated(this.reachedOf(side), this.scheduler, process, side);
    const { services } = this.toolsOf(process, side);
    const { dice, mutation, thins: packsLittle } = this;
    const truly = this.storesOf(side);
    const oldDisks = turn?.old.contents ?? [];
    return { machine, services, stores, truly, dice, step: mutation?.step, packsLittle, oldDisks };
  }

  /** What an activity or a call of the API has, as this process. */
  toolsOf(process: Process, side: Side = 0) {
    const clock: Clock = { now: () => this.#now, sleep: async () => undefined };
    return toolsOf(servicesOver(gated(this.reachedOf(side), this.scheduler, process, side), this.key, clock));
  }

  /** Sleeps of this process end when the virtual time has come, and the dice pick them. */
  clockOf(process: Process, { own, truly }: MachineClock): Clock {
    return {
      now: () => own(this.#now),
      sleep: async (duration, signal) => {
        signal?.throwIfAborted();
        const due = truly(own(this.#now) + duration * 1000);
        const perform = async () => undefined;
        await this.scheduler.call(
          { process, store: "clock", method: "sleep", args: [], due, perform },
          signal,
        );
      },
    };
  }

  filesOf(guest: Guest, process: Process): Files {
    return mortalFiles(guest.system, this.scheduler, process, guest, this.mutation?.files);
  }

  processesOf({ name }: Process): Processes {
    const identityOf = (of: string) => ({ pid: Number(of.split("-")[1]), start: "" });
    return {
      own: identityOf(name),
      isAlive: ({ pid }) => this.scheduler.alive("agent").some((one) => identityOf(one.name).pid === pid),
    };
  }

  get now(): Micros {
    return this.#now;
  }

  newBarrier(): BarrierId {
    return barrierId(`00000000-0000-4000-8000-${String(++this.#barriers).padStart(12, "0")}`);
  }

  /** Lets one call through, of any process or of this one; false when there is none. */
  async grant(runner?: Process): Promise<boolean> {
    const ready = this.scheduler.ready();
    const call = this.dice.pick(runner ? ready.filter(({ process }) => process === runner) : ready);
    if (!call) return false;
    this.scheduler.take(call);
    this.#acting = call.process;
    const later = await this.storm.let(call);
    if (later) this.scheduler.again(later.call, micros(this.#now + later.wait));
    this.note(this.storm.last);
    if (this.storm.fault) this.tally.note(`storage: ${this.storm.fault}`);
    return true;
  }

  /** Until every process waits; then everything that changed is judged. @throws Violation */
  async settle(): Promise<void> {
    await this.scheduler.settle();
    const at = { now: this.#now, begun: this.#acting?.since ?? this.#now };
    for (const effect of this.#effects.splice(0)) {
      await this.#watchGroup(effect, at);
      this.#works.after(effect, this.#acting?.name ?? "");
      for (const machine of this.machines) await watchRot(this, machine, effect);
      const text = effect.store === "records" ? nameOf(effect) : String(effect.args[0]);
      const machine = this.machines.find(({ id }) => text.includes(id));
      if (!machine) continue;
      await machine.auditors[effect.side]?.after(effect);
      await machine.deletions?.after(
        effect,
        machine,
        { ...this.storesOf(effect.side), storm: this.storm },
        at,
      );
      if (effect.side !== machine.side) continue;
      const progress = text === `progress/${machine.id}`;
      if (progress) await this.#watchProblem(machine);
      const judged = progress || text === `verification/${machine.id}`;
      if (judged && !this.storm.lied && (!this.mutation || this.mutation.sound))
        await mustBeSound(this.storesOf(effect.side), machine.id);
    }
    for (const machine of this.machines) await machine.deletions?.settled(machine);
    for (const machine of this.machines) if (machine.turn) await checkTravel(this, machine);
    for (const { truth } of this.machines) if (truth.fault) throw truth.fault;
    if (this.scheduler.crash) throw this.scheduler.crash;
  }

  async #watchGroup(effect: Effect, at: Moment): Promise<void> {
    const before = this.group?.record.failover?.operation;
    await this.group?.after(effect, at);
    const begun = this.group?.record.failover;
    if (begun && begun.operation !== before) beginTogether(this, begun);
  }

  async #watchProblem(machine: Machine): Promise<void> {
    const progress = await recordsIn(this.storesOf(machine.side).records).progress.get(machine.id);
    const problem = progress?.value.problem;
    machine.begun ||= progress !== undefined;
    this.#countRecoveries(machine, problem?.code, progress?.value);
    machine.stopped = problem?.stopped ?? false;
    if (machine.stopped && !this.storm.lied)
      throw new Violation(`replication stopped over what passes: ${problem?.code}: ${problem?.message}`);
  }

  #countRecoveries(machine: Machine, code: string | undefined, progress: ProgressRecord | undefined): void {
    if (machine.trouble !== code && code !== undefined) this.tally.note(`replication is in trouble: ${code}`);
    if (machine.trouble !== undefined && code === undefined)
      this.tally.note(`replication recovers from ${machine.trouble}`);
    machine.trouble = code;
    const { generation } = progress?.arrived ?? {};
    if (machine.generation !== undefined && generation !== machine.generation)
      this.tally.note(`a generation begins: ${progress?.resync?.reason ?? "with nothing to stand on"}`);
    machine.generation = generation ?? machine.generation;
  }

  /**
   * Some part of the time that a step may take. Where clocks are compared, calls that wait are a storage and a network at
   * work, which take milliseconds.
   */
  passSome(): void {
    this.pass(this.dice.below(this.#most()));
  }

  #most(): number {
    if (this.group?.isNear(this.#now)) return 20_000;
    return this.group && this.scheduler.ready().length > 2 ? 60_000 : this.thins ? 800_000 : 400_000;
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
