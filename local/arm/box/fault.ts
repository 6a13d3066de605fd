import { z } from "zod";
import { ArmError } from "../arm-error.ts";
import type { Operation } from "../model.ts";

/** What a test or a person asks the simulator to do wrong, on the next calls that match. */
export const faultRequest = z.object({
  /**
   * `status`: the call is refused and nothing happens. `drop`: the connection breaks and nothing happens. `lose-reply`: it
   * is done, then the connection breaks. `fail-operation`: it is accepted and fails later.
   */
  kind: z.enum(["status", "drop", "lose-reply", "fail-operation"]),
  /** How many calls that match pass before it begins: to fail each call of a story in turn. */
  skip: z.number().int().min(0).default(0),
  /** How many calls; the fault is gone afterwards. */
  times: z.number().int().min(1).default(1),
  method: z.string().toUpperCase().optional(),
  /** Part of the path, without regard to case. */
  path: z.string().toLowerCase().default(""),
  status: z.number().int().min(400).max(599).default(500),
  code: z.string().default("InternalServerError"),
  message: z.string().default("A fault was asked for."),
  /** Seconds. */
  retryAfter: z.number().optional(),
});
type Fault = z.output<typeof faultRequest>;

export interface Faults {
  add(fault: Fault): void;
  list(): readonly Fault[];
  clear(): void;
  /** The refusal that is due for this call. */
  refusal(method: string, path: string): ArmError | undefined;
  drops(method: string, path: string): boolean;
  losesReply(method: string, path: string): boolean;
  operationFailure(operation: Operation): ArmError | undefined;
}

export function faults(): Faults {
  let due: Fault[] = [];

  function take(kind: Fault["kind"], method: string, path: string): Fault | undefined {
    const found = due.find(
      (fault) =>
        fault.kind === kind &&
        (!fault.method || !method || fault.method === method) &&
        path.toLowerCase().includes(fault.path),
    );
    if (!found) return undefined;
    if (found.skip > 0) {
      due = due.map((fault) => (fault === found ? { ...fault, skip: fault.skip - 1 } : fault));
      return undefined;
    }
    due = due.flatMap((fault) =>
      fault !== found ? [fault] : fault.times > 1 ? [{ ...fault, times: fault.times - 1 }] : [],
    );
    return found;
  }

  return {
    add: (fault) => void due.push(fault),
    list: () => due,
    clear: () => void (due = []),
    refusal(method, path) {
      const fault = take("status", method, path);
      const wait = fault?.retryAfter;
      const headers: Record<string, string> = wait === undefined ? {} : { "retry-after": String(wait) };
      return fault && new ArmError(fault.status, fault.code, fault.message, headers);
    },
    drops: (method, path) => take("drop", method, path) !== undefined,
    losesReply: (method, path) => take("lose-reply", method, path) !== undefined,
    operationFailure(operation) {
      const fault = take("fail-operation", "", operation.resource);
      return fault && new ArmError(409, fault.code, fault.message);
    },
  };
}
