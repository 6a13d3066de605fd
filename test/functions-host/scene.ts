import type { Heard, Stage } from "./stage.ts";

export interface Status {
  readonly name: string;
  readonly instanceId: string;
  readonly runtimeStatus: string;
  readonly input: unknown;
  readonly output: unknown;
  readonly customStatus: unknown;
  readonly historyEvents?: readonly Record<string, unknown>[];
}

/** A behaviour of the host: what is done, what comes of it, and what must have come of it. */
export interface Behaviour {
  /** A sentence. */
  readonly says: string;
  /** Drives the host and gives what it saw. It may see the host die at any instant. */
  readonly drive: (scene: Scene) => Promise<unknown>;
  /** What it must have seen; "ID" stands for the scene's id. */
  readonly sees: unknown;
}

/**
 * One run of a behaviour: its words for driving a host. Whoever asks here asks until there is an answer, as a client does, so
 * what was asked for without one may have happened; what was answered must have.
 */
export class Scene {
  readonly id: string;
  readonly #stage: Stage;
  /** Instances that the host has said it has. */
  readonly #acknowledged = new Set<string>();
  #count = 0;

  constructor(stage: Stage, id: string) {
    this.#stage = stage;
    this.id = id;
  }

  /** Seconds of a behaviour, in seconds of the host's clock. */
  seconds(count: number): number {
    return count * this.#stage.second;
  }

  get keys(): Stage["keys"] {
    return this.#stage.keys;
  }

  /** What the app noted that begins so. */
  notes(beginning: string): string[] {
    return this.#stage.notes().filter((line) => line.startsWith(beginning));
  }

  /** A call of a function of the app, or of the host. */
  async call(target: string, init?: RequestInit): Promise<Heard> {
    return (await this.#insist(target, init)).heard;
  }

  /** A call of the management API. */
  async manage(target: string, init: RequestInit = {}): Promise<Heard> {
    return (await this.#insist(...this.#managed(target, init))).heard;
  }

  /** Starts an orchestration. @throws Error when it is refused */
  async begin(name: string, input: unknown, id = `${this.id}-${++this.#count}`): Promise<string> {
    const init = { method: "POST", body: input === undefined ? "" : JSON.stringify(input) };
    for (;;) {
      const heard = await this.#stage.ask(...this.#managed(`orchestrators/${name}/${id}`, init));
      if (heard?.status === 202) break;
      if (heard) throw new Error(`the start of ${name} ${id} was answered ${heard.status}: ${heard.text}`);
      // It may have been started unheard; asking again would replace it if it has ended.
      if ((await this.manage(`instances/${id}`)).status !== 404) break;
    }
    this.#acknowledged.add(id);
    return id;
  }

  /** Starts an orchestration and says how it ended. */
  async run(name: string, input: unknown, id?: string): Promise<Status> {
    return this.end(await this.begin(name, input, id));
  }

  end(id: string): Promise<Status> {
    return this.until(id, ({ runtimeStatus }) => ENDED.has(runtimeStatus));
  }

  /** Waits for an instance to be as it should. @throws Error when it is lost, or never comes so far */
  async until(id: string, wanted: (status: Status) => boolean): Promise<Status> {
    let last: Status | undefined;
    for (let pauses = 0; pauses < this.#stage.patience; pauses++) {
      last = await this.status(id);
      if (last && wanted(last)) return last;
      await this.#stage.pause();
    }
    throw new Error(`${id} never came so far: ${JSON.stringify(last)}`);
  }

  /** undefined: there is none. @throws Error when there must be one */
  async status(id: string, query = ""): Promise<Status | undefined> {
    const { status, text } = await this.manage(`instances/${id}${query === "" ? "" : `?${query}`}`);
    if (status === 404 && this.#acknowledged.has(id))
      throw new Error(`${id} was acknowledged and is not there`);
    if (status === 404) return undefined;
    const parsed: Status = JSON.parse(text);
    return parsed;
  }

  /** @throws Error when an instance is gone that the host has said it has */
  async stillThere(): Promise<void> {
    for (const id of this.#acknowledged) await this.status(id);
  }

  /** Says that an instance may be gone. */
  forget(id: string): void {
    this.#acknowledged.delete(id);
  }

  /** Raises an event, more than once if the host dies over it. Gives the status that was answered. */
  raise(id: string, event: string, data: unknown): Promise<number> {
    return this.#tell(`instances/${id}/raiseEvent/${event}`, data);
  }

  /** `suspend`, `resume`, `terminate`, `rewind`. */
  command(id: string, verb: string, reason = "because"): Promise<number> {
    return this.#tell(`instances/${id}/${verb}?reason=${encodeURIComponent(reason)}`);
  }

  /** Signals an entity, more than once if the host dies over it. */
  signal(entity: string, operation: string, input?: unknown): Promise<number> {
    return this.#tell(`entities/${entity}?op=${operation}`, input);
  }

  /** The state of `{name}/{key}`, or "none". */
  async entity(entity: string): Promise<unknown> {
    const { status, text } = await this.manage(`entities/${entity}`);
    return status === 404 ? "none" : JSON.parse(text);
  }

  /** Waits for an entity's state to be as it should. @throws Error when it never is */
  async entityUntil(entity: string, wanted: (state: unknown) => boolean): Promise<unknown> {
    let last: unknown;
    for (let pauses = 0; pauses < this.#stage.patience; pauses++) {
      last = await this.entity(entity);
      if (wanted(last)) return last;
      await this.#stage.pause();
    }
    throw new Error(`the entity ${entity} never came so far: ${JSON.stringify(last)}`);
  }

  /** What was ended or gone when one had to ask again may be so by what was not heard. */
  async #tell(target: string, data?: unknown): Promise<number> {
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, ...(data === undefined ? {} : { body: JSON.stringify(data) }) };
    const { heard, unheard } = await this.#insist(...this.#managed(target, init));
    return unheard && (heard.status === 410 || heard.status === 412) ? 202 : heard.status;
  }

  async #insist(target: string, init?: RequestInit): Promise<{ heard: Heard; unheard: boolean }> {
    for (let unheard = false; ; unheard = true) {
      const heard = await this.#stage.ask(target, init);
      if (heard) return { heard, unheard };
    }
  }

  #managed(target: string, init: RequestInit): [string, RequestInit] {
    const headers = new Headers(init.headers);
    headers.set("x-functions-key", this.keys.durable);
    return [`/runtime/webhooks/durabletask/${target}`, { ...init, headers }];
  }
}

const ENDED = new Set(["Completed", "Failed", "Terminated"]);

/** What a behaviour saw, in the words of its table. */
export async function seenBy({ drive }: Behaviour, scene: Scene): Promise<unknown> {
  const seen = JSON.stringify(await drive(scene)) ?? "null";
  return JSON.parse(seen.replaceAll(scene.id, "ID"));
}
