import type { HandoverResponse } from "../engine/contract/agent-api.ts";
import { type Generation, type Ordinal, ordinal } from "../engine/core/units.ts";
import { markOf } from "../engine/journal/position.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { RunStatus } from "./run-status.ts";

/** What the handed-over journal is sealed with and put to. */
interface Access {
  readonly dataKey: string;
  readonly cache: NonNullable<HandoverResponse["cache"]>;
  readonly generation: Generation;
  /** Segments before it need not be kept. */
  readonly read: Ordinal;
  /** To be put into the cache once more. */
  readonly again: readonly Ordinal[];
}

/**
 * A journal that a failover ended holds writes that were lost with it. They may go into the cache, under the names of their
 * own generation, so that it becomes known which they are. What the disks hold since then is not recorded. A process that
 * is killed meanwhile leaves what there is to hand over to the next: the spool says that its journal has ended.
 */
export class Handover {
  readonly #version: string;
  /** The generation of which nothing is left here. */
  #done: Generation | undefined;

  constructor(version: string) {
    this.#version = version;
  }

  /**
   * To be called with each look whether the machine is wanted again.
   * @returns access for what is left; undefined when there is nothing
   * @throws what the control plane says
   */
  async ask(
    controlPlane: ControlPlane,
    status: RunStatus | undefined,
    signal: AbortSignal,
  ): Promise<Access | undefined> {
    if (status?.mode !== "stopped" || status.generation === this.#done) return undefined;
    const { generation, captured } = status;
    const cached = markOf(status.cached);
    const request = { agentVersion: this.#version, generation, captured, cached };
    const answer = await controlPlane.handOver(request, signal);
    const { wanted, dataKey, cache, read = ordinal(0), again = [] } = answer;
    if (!wanted) this.#done = generation;
    return dataKey !== undefined && cache ? { dataKey, cache, generation, read, again } : undefined;
  }
}
