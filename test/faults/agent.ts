import { AGENT_VERSION } from "../../engine/contract/agent-version.ts";
import type { DurableClient } from "durable-functions";
import { bytes, ordinal } from "../../engine/core/units.ts";
import type { BarrierId } from "../../engine/core/ids.ts";
import { hasCode } from "../../engine/core/errors.ts";
import { type ItemRecord, endpointOf, itemKeyOf, targetOf } from "../../engine/recovery/item.ts";
import { heartbeat, registerAgent } from "../../functions/agent-calls.ts";
import type { Services } from "../../functions/services.ts";
import { type Story, cacheSegments } from "../fixtures/story.ts";
import type { Process } from "./clock.ts";

interface Surroundings {
  readonly services: Services;
  readonly client: () => DurableClient;
  readonly story: Story;
  readonly process: Process;
}

const BEAT = 3000;
const FENCED = 15_000;

/** An agent that plays a journal that was written before: once it is installed it registers, uploads, and tells of it. */
export class ScriptedAgent {
  readonly #around: Surroundings;
  #runs = false;
  #uploaded = false;
  #refused: { id: BarrierId; why: string }[] = [];

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Nothing happens when it runs. */
  start(): void {
    if (this.#runs) return;
    this.#runs = true;
    void this.#run();
  }

  /** As the real one it never gives up: who is told that its journal is closed asks again. */
  async #run(): Promise<void> {
    const { process } = this.#around;
    for (;;) {
      await process.wait(BEAT);
      let goesOn = await this.#turn((item) => this.#register(item));
      while (goesOn) {
        await process.wait(BEAT);
        goesOn = await this.#turn((item) => this.#tell(item));
      }
      await process.wait(FENCED);
    }
  }

  /** False when its journal is closed. */
  #turn(act: (item: ItemRecord) => Promise<boolean>): Promise<boolean> {
    return this.#around.process.work(async () => {
      const item = await this.#item();
      return item !== undefined && act(item);
    });
  }

  /** The whole journal is in the cache as soon as the agent is known, so that it is packed in one way. */
  async #register(item: ItemRecord): Promise<boolean> {
    const { services, client, story } = this.#around;
    const disks = (item.source?.disks ?? []).map(({ index, size }) => ({ index, size }));
    const resume = { generation: story.start.generation, next: ordinal(story.segments.length) };
    try {
      if (!this.#uploaded)
        await cacheSegments(services.objectsAt(endpointOf(targetOf(item).cache)), story.segments);
      const asked = { agentVersion: AGENT_VERSION, disks, ...(this.#uploaded && { resume }) };
      this.#uploaded = true;
      await registerAgent({ services, client: client() }, item, asked);
      return true;
    } catch (error) {
      if (hasCode(error, "AgentFenced")) return false;
      throw error;
    }
  }

  async #tell(item: ItemRecord): Promise<boolean> {
    const { services, client, story } = this.#around;
    const last = story.segments.at(-1)?.header;
    if (!last) throw new RangeError("the story has no segments");
    const reached = { sequence: last.to, time: last.lastTime, bytes: bytes(0) };
    const none = bytes(0);
    const answer = await heartbeat({ services, client: client() }, item, {
      agentVersion: AGENT_VERSION,
      generation: last.generation,
      mode: "streaming",
      time: services.clock.now(),
      captured: reached,
      cached: reached,
      cachedNext: ordinal(last.ordinal + 1),
      backlog: { segments: 0, bytes: none },
      uploaded: none,
      initialCopy: { done: none, total: none, rate: none },
      disks: [],
      barriers: [],
      refused: this.#refused,
    });
    // Its points are those of the journal, so that they have the same names each time.
    this.#refused = answer.barriers.map(({ id }) => ({ id, why: "the journal is written already" }));
    return answer.active;
  }

  async #item(): Promise<ItemRecord | undefined> {
    const { services, story } = this.#around;
    return (await services.records.items.get(itemKeyOf(story.machine)))?.value;
  }
}
