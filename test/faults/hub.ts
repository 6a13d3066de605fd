import {
  type DurableClient,
  type OrchestrationContext,
  type OrchestrationHandler,
  OrchestrationRuntimeStatus,
} from "durable-functions";
import { encodeFailure } from "../../orchestrations/failure.ts";
import type { Call, Calls } from "./calls.ts";
import type { Process, StoryClock } from "./clock.ts";
import { answered, never } from "./host.ts";
import { type Outcome, type Pretended, contextOf, pretended } from "./context.ts";

type RuntimeStatus = OrchestrationRuntimeStatus;
const { Running, Completed, Failed } = OrchestrationRuntimeStatus;

/** An orchestration as the task hub keeps it: what it was given, and what came back of all it asked for. */
interface Instance {
  readonly id: string;
  readonly name: string;
  input: unknown;
  /** Milliseconds. */
  began: number;
  history: Outcome[];
  status: RuntimeStatus;
  error?: string;
  /** Raised and not waited for yet. */
  readonly events: string[];
  wake?: () => void;
}

/** Runs an activity of this name in the host that lives now. */
export type RunActivity = (name: string, input: unknown, client: DurableClient) => Promise<unknown>;

/**
 * A task hub in memory with a host that can be killed: orchestrators are generators that are played; behind a kill each
 * is played again from its history, and an activity whose result is not in there runs again.
 */
export class Hub {
  readonly #clock: StoryClock;
  readonly #orchestrations: Readonly<Record<string, OrchestrationHandler>>;
  readonly #run: RunActivity;
  readonly #calls: Calls;
  readonly #instances = new Map<string, Instance>();
  #host: Process;

  constructor(
    clock: StoryClock,
    orchestrations: Readonly<Record<string, OrchestrationHandler>>,
    run: RunActivity,
    calls: Calls,
  ) {
    this.#clock = clock;
    this.#calls = calls;
    this.#orchestrations = orchestrations;
    this.#run = run;
    this.#host = clock.process();
  }

  /** Names of what is under way. */
  live(): string[] {
    return [...this.#instances.values()].flatMap(({ id, status }) => (status === Running ? [id] : []));
  }

  /** How an instance failed. */
  errorOf(id: string): string | undefined {
    return this.#instances.get(id)?.error;
  }

  /** The host that lives now. */
  get host(): Process {
    return this.#host;
  }

  /** The host dies, and all that it was at; the next one takes up what the histories hold. */
  restart(): void {
    this.#host.kill();
    this.#host = this.#clock.process();
    for (const instance of this.#instances.values()) if (instance.status === Running) this.#play(instance);
  }

  /**
   * As much of the library's client as Leeward uses.
   * @param calls where it counts what it is asked; none for who is no part of the host
   */
  client(calls?: Calls): DurableClient {
    const host = this.#host;
    const alive = <Result>(name: string, sort: Call["sort"], answer: () => Result): Promise<Result> => {
      if (host.ended.aborted) return never();
      const call = calls?.count(name, sort);
      return answered(answer, host, () => {
        if (call && calls?.kills("behind", call)) this.restart();
      });
    };
    const client = {
      getStatus: (id: string) => alive(`status of ${id}`, "read", () => this.#statusOf(id)),
      startNew: (name: string, { instanceId, input }: { instanceId: string; input: unknown }) =>
        alive(`start ${instanceId}`, "change", () => this.#start(name, instanceId, input)),
      raiseEvent: (id: string, name: string) => alive(`raise ${id}`, "change", () => this.#raise(id, name)),
    };
    return Object.assign(Object.create(null), client);
  }

  #statusOf(id: string) {
    const found = this.#instances.get(id);
    if (!found) throw new Error(`DurableClient error: the extension replied with HTTP 404: ${id}`);
    return { instanceId: id, runtimeStatus: found.status, input: found.input };
  }

  #start(name: string, id: string, input: unknown): string {
    if (this.#instances.get(id)?.status === Running) throw new Error(`instance ${id} runs already`);
    const began = this.#millis();
    const given: unknown = plain(input);
    const made: Instance = { id, name, input: given, began, history: [], status: Running, events: [] };
    this.#instances.set(id, made);
    this.#play(made);
    return id;
  }

  #raise(id: string, name: string): void {
    const found = this.#instances.get(id);
    found?.events.push(name);
    found?.wake?.();
  }

  /** Until its end, or that of the host. */
  #play(instance: Instance): void {
    const host = this.#host;
    void this.#played(instance, host).catch((error: unknown) => {
      if (host.ended.aborted) return;
      instance.status = Failed;
      instance.error = String(error);
    });
  }

  async #played(instance: Instance, host: Process): Promise<void> {
    for (;;) {
      const next = await this.#execution(instance, host);
      if (!next) break;
      Object.assign(instance, { input: plain(next.input), history: [], began: this.#millis() });
    }
    if (!host.ended.aborted) instance.status = Completed;
  }

  /** One execution; what the next one is given, if there is one. */
  async #execution(instance: Instance, host: Process): Promise<{ input: unknown } | undefined> {
    const orchestrator = this.#orchestrations[instance.name];
    if (!orchestrator) throw new Error(`there is no orchestration ${instance.name}`);
    const scene = contextOf(instance.input, instance.began);
    // The library's context has far more than an orchestrator of ours may use.
    const context: OrchestrationContext = Object.assign(Object.create(null), scene.context);
    const steps = orchestrator(context);
    let turn = steps.next();
    for (let at = 0; !turn.done; at++) {
      const task = pretended(turn.value);
      if (at === instance.history.length) {
        const outcome = await this.#outcome(instance, task, host);
        if (host.ended.aborted) return new Promise(() => undefined);
        instance.history.push(outcome);
      }
      const outcome = instance.history[at];
      if (!outcome) throw new Error("a history has a hole");
      if (outcome.of !== task.name)
        throw new Error(`${instance.name} asks for ${task.name} where its history has ${outcome.of}`);
      const answer = scene.deliver(task, outcome);
      turn = answer instanceof Error ? steps.throw(answer) : steps.next(answer);
    }
    return scene.continued();
  }

  async #outcome(instance: Instance, task: Pretended, host: Process): Promise<Outcome> {
    const of = task.name;
    if (task.kind === "activity") return { of, ...(await this.#activity(task, host)), at: this.#millis() };
    if (task.kind === "timer") await this.#sleep(task.at ?? 0, host);
    if (task.kind === "any")
      return { of, first: await this.#first(instance, task, host), at: this.#millis() };
    return { of, at: this.#millis() };
  }

  #activity({ name, input }: Pretended, host: Process): Promise<{ value?: unknown; error?: string }> {
    return host.work(async () => {
      try {
        return { value: plain(await this.#run(name, plain(input), this.client(this.#calls))) ?? null };
      } catch (error) {
        // As the host words it.
        return { error: `Activity function '${name}' failed: ${encodeFailure(error)} \n at somewhere.js:1` };
      }
    });
  }

  #sleep(until: number, host: Process): Promise<void> {
    return host.wait(Math.max(until - this.#millis(), 0));
  }

  /** Which of an event and a timer comes first. */
  async #first(instance: Instance, { of = [] }: Pretended, host: Process): Promise<number> {
    const event = of.findIndex(({ kind }) => kind === "event");
    const timer = of.findIndex(({ kind }) => kind === "timer");
    const raised = new Promise<number>((resolve) => {
      const take = () => {
        const found = instance.events.indexOf(of[event]?.name ?? "");
        if (found < 0) return;
        instance.events.splice(found, 1);
        resolve(event);
      };
      instance.wake = take;
      take();
    });
    const won = await Promise.race([raised, this.#sleep(of[timer]?.at ?? 0, host).then(() => timer)]);
    delete instance.wake;
    return won;
  }

  #millis(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

/** As it comes back from a history. */
const plain = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value));
