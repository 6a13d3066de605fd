import { AsyncLocalStorage } from "node:async_hooks";
import type { Faults } from "../../local/arm/box/fault.ts";
import { ArmError } from "../../local/arm/arm-error.ts";

/** Calls of Resource Manager; changes in storage and in the task hub; what is only read there. */
type Sort = "arm" | "change" | "read";

/** A call of a story: the n-th with this method and path. */
export interface Call {
  readonly name: string;
  readonly sort: Sort;
  readonly nth: number;
  /** It was accepted as an operation that goes on. */
  begins: boolean;
}

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;
/** Disks are named after their point, and some points have ids that are drawn. */
const POINT = /\b(shop-(?:os|data))-(?!0000000)[0-9a-f]{8}\b/g;

/** Without what is another each time. */
export const steadyName = (name: string): string =>
  name.replaceAll(POINT, "$1-{point}").replaceAll(UUID, "{id}");

export const nameOf = (method: string, path: string): string =>
  `${method} ${path
    .toLowerCase()
    .replace(/(operations|operationresults)\/[0-9a-f-]{36}$/, "$1/{id}")
    .replaceAll(POINT, "$1-{point}")}`;

/** How something goes wrong. */
export type Mishap =
  /** Answered so, this often in a row; nothing is done. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly code: string;
      readonly times: number;
      readonly retryAfter?: number;
    }
  /** Nothing of what is asked for from then on gets through, for so many seconds. */
  | { readonly kind: "unreachable"; readonly seconds: number }
  /** It is done, and the connection breaks before that is said. */
  | { readonly kind: "lose-reply" }
  /** It is accepted, and fails in its operation's body. */
  | { readonly kind: "operation-fails" }
  /** The host dies before it is sent, or when it is done and its answer is on the way. */
  | { readonly kind: "host-dies"; readonly when: "before" | "behind" };

export interface Disturbance {
  readonly call: Call;
  readonly mishap: Mishap;
}

/**
 * The call that is being answered, and in what it began the one that began it. One for all worlds: Node asks each that was ever made
 * at every promise, and a table with one for each world came to take twice as long in its course.
 */
const CURRENT = new AsyncLocalStorage<Call>();

/** Notes every call of a story, and does to the one that is meant what is meant for it. */
export class Calls implements Faults {
  readonly seen: Call[] = [];
  /** Whether what was meant to happen has. */
  struck = false;
  readonly #now: () => number;
  readonly #disturbance: Disturbance | undefined;
  readonly #counts = new Map<string, number>();
  #counting = false;
  #goneUntil: number | undefined;

  /** @param now microseconds */
  constructor(now: () => number, disturbance?: Disturbance) {
    this.#now = now;
    this.#disturbance = disturbance;
  }

  /** From here on calls count. */
  begin(): void {
    this.#counting = true;
  }

  end(): void {
    this.#counting = false;
  }

  /** Counts one more call of this name. */
  count(name: string, sort: Sort): Call {
    const nth = this.#counting ? (this.#counts.get(name) ?? 0) + 1 : 0;
    const call = { name, sort, nth, begins: false };
    if (!this.#counting) return call;
    this.#counts.set(name, nth);
    this.seen.push(call);
    return call;
  }

  /** Answers the call by `answer`. */
  during<Result>(call: Call, answer: () => Promise<Result>): Promise<Result> {
    return CURRENT.run(call, answer);
  }

  /** Whether the host dies at this moment of its call. */
  kills(when: "before" | "behind", call: Call): boolean {
    const { mishap } = this.#disturbance ?? {};
    return mishap?.kind === "host-dies" && mishap.when === when && this.#strikes(call);
  }

  drops(): boolean {
    const { mishap } = this.#disturbance ?? {};
    if (mishap?.kind !== "unreachable") return false;
    if (this.#strikes(CURRENT.getStore())) this.#goneUntil = this.#now() + mishap.seconds * 1e6;
    return this.#goneUntil !== undefined && this.#now() < this.#goneUntil;
  }

  refusal(): ArmError | undefined {
    const { mishap, call } = this.#disturbance ?? {};
    const current = CURRENT.getStore();
    if (mishap?.kind !== "status" || current?.name !== call?.name || !call || !current) return undefined;
    if (current.nth < call.nth || current.nth >= call.nth + mishap.times) return undefined;
    this.struck = true;
    const headers: Record<string, string> =
      mishap.retryAfter === undefined ? {} : { "retry-after": String(mishap.retryAfter) };
    return new ArmError(mishap.status, mishap.code, ASKED, headers);
  }

  losesReply(): boolean {
    return this.#disturbance?.mishap.kind === "lose-reply" && this.#strikes(CURRENT.getStore());
  }

  operationFailure(): ArmError | undefined {
    const began = CURRENT.getStore();
    if (began) began.begins = true;
    const fails = this.#disturbance?.mishap.kind === "operation-fails" && this.#strikes(began);
    return fails ? new ArmError(409, "InternalExecutionError", ASKED) : undefined;
  }

  add(): void {
    throw new Error("this table asks for its faults by itself");
  }

  list(): readonly never[] {
    return [];
  }

  clear(): void {
    // as `add`
  }

  /** Once. */
  #strikes(call: Call | undefined): boolean {
    const meant = this.#disturbance?.call;
    if (!call || this.struck || meant?.name !== call.name || meant.nth !== call.nth) return false;
    this.struck = true;
    return true;
  }
}

const ASKED = "A fault was asked for.";
