import { hasCode } from "../../engine/core/errors.ts";
import { PATIENT } from "../../engine/storage/attempt.ts";
import type { StoredObject } from "../../engine/storage/store.ts";
import type { Dice } from "./dice.ts";
import { type Refusal, echo, refusalAfter, refusalBefore, timedOut } from "./refusals.ts";
import type { Call } from "./scheduler.ts";
import { type Side, otherSide } from "./side.ts";
import { type Stores, nameOf } from "./stores.ts";

/** How often each thing happens to a call; `rollback`, `kill` and `hang` count per step. */
export interface Weather {
  /** Nothing happens, and the answer says so: unavailable, or throttled. */
  readonly refuse: number;
  /** It happens, and the answer says that it did not. */
  readonly timeout: number;
  /** It happens, the answer is lost, and the client's own retry meets what it did itself. */
  readonly echo: number;
  /** A read tells what was there before the last change. */
  readonly stale: number;
  /** The body of an answer is cut or changed on its way. */
  readonly damage: number;
  /** The body of an answer trickles, perhaps for longer than anyone waits. */
  readonly slow: number;
  /** Nobody answers, and what was asked for is done later, when its caller has given it up. */
  readonly late: number;
  /** Objects that were acknowledged are gone. */
  readonly rollback: number;
  readonly kill: number;
  /** A process hangs for a while. */
  readonly hang: number;
}

/** Nothing goes wrong. */
export const CALM: Weather = {
  refuse: 0,
  timeout: 0,
  echo: 0,
  stale: 0,
  damage: 0,
  slow: 0,
  late: 0,
  rollback: 0,
  kill: 0,
  hang: 0,
};
const FAIR: Weather = { ...CALM, hang: 0.01 };
const ROUGH: Weather = {
  ...FAIR,
  refuse: 0.03,
  timeout: 0.03,
  echo: 0.03,
  slow: 0.003,
  late: 0.003,
  kill: 0.01,
};

export const weatherOf = (dice: Dice): Weather =>
  dice.weighted<Weather>([
    [2, { ...FAIR, kill: 0.01 }],
    [4, ROUGH],
    [1, { ...ROUGH, refuse: 0.15, timeout: 0.15, kill: 0.03 }],
    [2, { ...ROUGH, stale: 0.04 }],
    [1, { ...ROUGH, damage: 0.01 }],
    [1, { ...ROUGH, stale: 0.01, damage: 0.005, rollback: 0.008 }],
  ]) ?? FAIR;

/** Work of hundreds of calls, none of which may fail, comes to its end now and then. */
export const milder = (weather: Weather): Weather => ({
  ...weather,
  refuse: weather.refuse / 10,
  timeout: weather.timeout / 10,
});

/** Where much must succeed on several machines within seconds, calls fail seldom. */
export const mildWeatherOf = (dice: Dice): Weather => {
  const weather = weatherOf(dice);
  const few = (often: number) => Math.min(often, 0.01);
  return {
    ...weather,
    refuse: few(weather.refuse),
    timeout: few(weather.timeout),
    stale: few(weather.stale),
  };
};

interface Change {
  readonly store: "cache" | "target" | "records";
  readonly side: Side;
  readonly name: string;
  /** What was there. */
  readonly before: unknown;
  readonly at: number;
}

/** A call that is not over, and when it goes on, in microseconds from now. */
interface Later {
  readonly wait: number;
  readonly call: Call;
}

/** Of a body that does not come in time, in milliseconds. */
const LITTLE = 30_000;
/** In microseconds. */
const LATEST = 5_000_000;
const UNHEARD = { resolve: () => undefined, reject: () => undefined };

/** A change is recent for this many storage calls. */
const RECENT = 40;
const MOST_LIES = 2;

/** Lets calls through to the storage, with what the weather does to them. */
export class Storm {
  readonly #dice: Dice;
  readonly #sides: readonly Stores[];
  weather: Weather;
  /** Regions of which nothing answers. */
  readonly lost = new Set<Side>();
  /** The cache account takes and gives nothing for a while. */
  cacheAway = false;
  /** Acknowledged objects were lost, so that something may be missing. Never may something be wrong. */
  lied = false;
  /** The call's name, and what was done to it. */
  last = "";
  /** What was done to it, if anything but what it asked for. */
  fault: string | undefined;
  #changes: Change[] = [];
  #calls = 0;
  /** By reader and name, how often in a row a read of it lied. */
  readonly #lies = new Map<string, number>();

  /** @param sides of each direction */
  constructor(dice: Dice, sides: readonly Stores[], weather: Weather) {
    this.#dice = dice;
    this.#sides = sides;
    this.weather = weather;
  }

  /** Performs the call and answers it. Returns what is to come of it later, if anything. */
  async let(call: Call): Promise<Later | undefined> {
    this.#calls++;
    this.fault = undefined;
    const fault = call.late ? undefined : this.#faultFor(call);
    const later = await this.#do(call, fault);
    const did = `${call.process.name} ${call.store}.${call.method} ${nameOf(call)}`;
    this.last = `${did} ${this.fault ?? ""}`.trim();
    return later;
  }

  async #do(call: Call, fault: keyof Weather | undefined): Promise<Later | undefined> {
    if (call.late === "never") call.reject(timedOut(call));
    else if (fault === "refuse") this.#answer(call, refusalBefore(call, this.#dice));
    else if (fault === "slow") return this.#slow(call);
    else if (fault === "late") return this.#late(call);
    else if (fault === "stale") this.#stale(call);
    else await this.#perform(call, fault);
    if (call.method === "get") this.#noteLie(call, fault === "stale" || fault === "damage");
    return undefined;
  }

  async #perform(call: Call, fault: keyof Weather | undefined): Promise<void> {
    const before = await this.#before(call);
    try {
      const answer = await call.perform();
      if (before) this.#changes.push(before);
      if (fault === "timeout") this.#answer(call, refusalAfter(call, this.#dice));
      else if (fault === "echo") this.#answer(call, echo(call));
      else call.resolve(fault === "damage" ? this.#damaged(answer) : answer);
    } catch (error) {
      if (hasCode(error, "ObjectExists")) this.fault = "409 over another's";
      else if (hasCode(error, "ObjectChanged")) this.fault = "412 over another's";
      else if (hasCode(error, "NotFound")) this.fault = "404";
      call.reject(error);
    }
  }

  #answer(call: Call, { name, error }: Refusal): void {
    this.fault = name;
    call.reject(error);
  }

  /** As long as one try may take, and no longer: the caller then hears that there was no answer. */
  #slow(call: Call): Later {
    const whole = 1000 * this.#dice.below(PATIENT.tryTimeout + LITTLE);
    const never = whole > PATIENT.tryTimeout * 1000;
    this.fault = never ? "a body slower than its time-out" : "a slow body";
    return {
      wait: Math.min(whole, PATIENT.tryTimeout * 1000),
      call: { ...call, late: never ? "never" : "slow" },
    };
  }

  #late(call: Call): Later {
    this.fault = "done when it was given up";
    call.reject(timedOut(call));
    const nobody = { ...call.process, kind: "network" };
    return {
      wait: this.#dice.below(LATEST),
      call: { ...call, ...UNHEARD, process: nobody, late: "given up" },
    };
  }

  #faultFor(call: Call): keyof Weather | undefined {
    if (call.store === "clock" || call.store === "files") return undefined;
    if (this.lost.has(regionOf(call)) && call.store !== "net") return "refuse";
    if (call.store === "cache" && this.cacheAway) return "refuse";
    const { refuse, timeout, echo: again, stale, damage, slow, late } = this.weather;
    const puts = call.method === "put" && call.args.at(call.store === "records" ? 3 : 2) !== "any";
    const reads = call.method === "get" && call.store !== "pages";
    const objects = reads && call.store !== "records";
    if (reads && !this.#mayLie(call)) return undefined;
    const known = reads && this.#changes.some((change) => this.#mayHide(change) && isOf(change, call));
    if (call.store === "net") return this.#dice.chance(refuse + timeout) ? "refuse" : undefined;
    const written = call.method === "put" && call.store !== "pages";
    const rest = 1 - refuse - timeout - again - stale - damage - slow - late;
    return this.#dice.weighted<keyof Weather | undefined>([
      [refuse, "refuse"],
      [timeout, "timeout"],
      [again, puts ? "echo" : undefined],
      [stale, known ? "stale" : undefined],
      [damage, objects && nameOf(call).endsWith(".seg") ? "damage" : undefined],
      [slow, objects ? "slow" : undefined],
      [late, written ? "late" : undefined],
      [rest, undefined],
    ]);
  }

  /** Nobody is told twice in a row what is not so: a reader asks three times. */
  #mayLie(call: Call): boolean {
    const name = `${call.process.name} ${call.store}${call.side ?? 0} ${nameOf(call)}`;
    return (this.#lies.get(name) ?? 0) < MOST_LIES;
  }

  #noteLie(call: Call, lies: boolean): void {
    const name = `${call.process.name} ${call.store}${call.side ?? 0} ${nameOf(call)}`;
    if (lies) this.#lies.set(name, (this.#lies.get(name) ?? 0) + 1);
    else this.#lies.delete(name);
  }

  async #before({ store, method, args, side = 0 }: Call): Promise<Change | undefined> {
    const at = this.#calls;
    const stores = this.#sides[side];
    if (method !== "put" || !stores) return undefined;
    const [a, b] = args;
    if (store === "records")
      return { store, side, name: `${a}/${b}`, before: await stores.records.get(`${a}`, `${b}`), at };
    if (store === "cache" || store === "target")
      return { store, side, name: `${a}`, before: await stores[store].get(`${a}`), at };
    return undefined;
  }

  /** Tables are consistent everywhere, so that a record that is there is never missing. */
  #mayHide({ at, store, before }: Change): boolean {
    return this.#calls - at < RECENT && (store !== "records" || before !== undefined);
  }

  #stale(call: Call): void {
    const before = this.#changes.findLast((change) => isOf(change, call))?.before;
    this.fault = before === undefined ? "404 of what is there" : "what was there before";
    call.resolve(before);
  }

  #damaged(answer: unknown): unknown {
    if (!isObject(answer)) return answer;
    const body = Buffer.from(answer.body);
    const at = this.#dice.below(body.length);
    const cut = this.#dice.chance(0.5);
    this.fault = cut ? "a cut body" : "a changed body";
    if (cut) return { ...answer, body: body.subarray(0, at) };
    body[at] = (body[at] ?? 0) ^ (1 << this.#dice.below(8));
    return { ...answer, body };
  }

  /** An account goes back in time: what it acknowledged last is gone. Returns the names. */
  async rollBack(store: "cache" | "target", side: Side): Promise<string[]> {
    const lost: string[] = [];
    const since = this.#calls - 1 - this.#dice.below(RECENT);
    for (const change of this.#changes.toReversed()) {
      if (change.store !== store || change.side !== side || change.at < since) continue;
      this.lied = true;
      await this.#undo(store, change);
      lost.push(change.name);
    }
    this.#changes = this.#changes.filter(
      (change) => change.store !== store || change.side !== side || change.at < since,
    );
    return lost;
  }

  async #undo(store: "cache" | "target", { name, before, side }: Change): Promise<void> {
    const stores = this.#sides[side];
    if (isObject(before)) await stores?.[store].put(name, before.body, "any");
    else await stores?.[store].delete([name]);
  }
}

const isOf = (change: Change, call: Call): boolean =>
  change.store === call.store && change.side === (call.side ?? 0) && change.name === nameOf(call);

/** The cache is where the machines run, everything else where the direction leads to. */
const regionOf = ({ store, side = 0 }: Call): Side => (store === "cache" ? side : otherSide(side));

const isObject = (answer: unknown): answer is StoredObject =>
  typeof answer === "object" && answer !== null && "body" in answer;
