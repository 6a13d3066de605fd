import { randomUUID } from "node:crypto";
import { messageOf } from "../../engine/core/errors.ts";
import { ArmError } from "./arm-error.ts";
import type { Box } from "./box.ts";
import type { Operation } from "./model.ts";
import { works } from "./works.ts";

/** Microseconds. */
const RESULTS_KEPT = 24 * 60 * 60 * 1_000_000;

/** Does what an accepted call promised. It runs again when the simulator was restarted in between. */
export interface Work {
  /** @throws ArmError: the operation then ends as Failed with its code and message. */
  run(box: Box, operation: Operation): void | Promise<void>;
  /** Marks the resource after a failure. */
  failed?(box: Box, operation: Operation): void;
  /** What the caller gets at the end beside the resource; may be secret, so it is made when asked for. */
  output?(box: Box, operation: Operation): unknown;
}

export type Started = Pick<Operation, "kind" | "resource" | "location" | "namespace"> & {
  readonly input?: Record<string, string>;
};

export interface Operations {
  start(started: Started): Operation;
  /** The operation that is at work on the resource. */
  busy(resource: string): Operation | undefined;
  output(operation: Operation): unknown;
  /** Takes up what an earlier run of the simulator left unfinished. */
  resume(): void;
  /** Runs a piece of work to its end at once, for the seed. */
  now(started: Started): Promise<void>;
  /** Stops waiting; unfinished operations stay unfinished in the state. */
  close(): Promise<void>;
}

export function operationsOf(box: () => Box): Operations {
  const stop = new AbortController();
  const driving = new Set<Promise<void>>();

  function drive(operation: Operation): void {
    const driven = toEnd(box(), operation, stop.signal).finally(() => driving.delete(driven));
    driving.add(driven);
  }

  const begun = (started: Started): Operation => ({
    id: randomUUID(),
    input: {},
    ...started,
    status: "InProgress",
    started: box().clock.now(),
  });

  return {
    start(started) {
      forget(box());
      const operation = box().state.operations.put(begun(started));
      drive(operation);
      return operation;
    },
    busy: (resource) =>
      box()
        .state.operations.all()
        .find(
          ({ status, resource: of }) =>
            status === "InProgress" && of.toLowerCase() === resource.toLowerCase(),
        ),
    output: (operation) => works[operation.kind]?.output?.(box(), operation),
    resume() {
      for (const operation of box().state.operations.all())
        if (operation.status === "InProgress") drive(operation);
    },
    now: async (started) => works[started.kind]?.run(box(), begun(started)),
    async close() {
      stop.abort();
      await Promise.all(driving);
    },
  };
}

/** As ARM does: results can be asked for a day long. */
function forget({ state, clock }: Box): void {
  const before = clock.now() - RESULTS_KEPT;
  for (const { id, ended } of state.operations.all())
    if (ended !== undefined && ended < before) state.operations.delete(id);
}

async function toEnd(box: Box, operation: Operation, signal: AbortSignal): Promise<void> {
  try {
    do await box.clock.sleep(box.config.operationTime, signal);
    while (box.state.lost.has(operation.location));
  } catch {
    return; // the simulator closes; the next one takes it up
  }
  const work = works[operation.kind];
  try {
    const injected = box.faults.operationFailure(operation);
    if (injected) throw injected;
    await work?.run(box, operation);
    operation.status = "Succeeded";
  } catch (error) {
    if (signal.aborted) return;
    operation.status = "Failed";
    operation.error = failure(error);
    work?.failed?.(box, operation);
  }
  operation.ended = box.clock.now();
  box.state.save();
}

const failure = (error: unknown) =>
  error instanceof ArmError
    ? { status: error.status, code: error.code, message: error.message }
    : { status: 500, code: "InternalOperationError", message: messageOf(error) };
