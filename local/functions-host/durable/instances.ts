import { integer, text } from "./database.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { EventType, type HistoryEvent, type MessageBody, stamped } from "./history.ts";
import { createInstance, newId } from "./outcome.ts";
import { failedChildren, withoutFailures } from "./rewind.ts";
import { hasEnded, type Instance, instanceOf, type Status, type Store } from "./store.ts";

/** What became of a command: each maps to one status code of the management API. */
export type Result = "accepted" | "not found" | "ended" | "not failed";

export interface Filter {
  readonly statuses?: readonly Status[];
  /** Milliseconds since 1970, both inclusive. */
  readonly createdFrom?: number;
  readonly createdTo?: number;
  readonly idPrefix?: string;
  /** Of the orchestrator. */
  readonly name?: string;
}

/** By the time at which instances were created. */
export type Order = "oldest first" | "newest first";

export interface Page {
  readonly instances: readonly Instance[];
  /** Where the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

/** The commands and queries behind the management API. Commands resolve once they are durable. */
export class Instances {
  readonly #store: Store;
  readonly #dispatcher: Dispatcher;
  readonly #now: () => number;

  constructor(store: Store, dispatcher: Dispatcher, now: () => number) {
    this.#store = store;
    this.#dispatcher = dispatcher;
    this.#now = now;
  }

  /** The id of the new instance, or the live instance that is in the way. */
  async start(
    name: string,
    id: string | undefined,
    input: string | null,
    version: string,
  ): Promise<{ id: string } | { inTheWay: Status }> {
    const instance = { id: id ?? newId(), name, input, version, parent: null };
    const created = this.#store.db.write(() => createInstance(this.#store, instance, this.#now()));
    if (!created) return { inTheWay: this.#store.instance(instance.id)?.status ?? "Pending" };
    await this.#settle(instance.id);
    return { id: instance.id };
  }

  raise(id: string, event: string, input: string | null): Promise<Result> {
    return this.#tell(id, { EventType: EventType.EventRaised, Name: event, Input: input });
  }

  terminate(id: string, reason: string): Promise<Result> {
    return this.#tell(id, { EventType: EventType.ExecutionTerminated, Input: reason });
  }

  suspend(id: string, reason: string): Promise<Result> {
    return this.#tell(id, { EventType: EventType.ExecutionSuspended, Reason: reason });
  }

  resume(id: string, reason: string): Promise<Result> {
    return this.#tell(id, { EventType: EventType.ExecutionResumed, Reason: reason });
  }

  /** Lets a failed orchestration try what failed once more, in its failed sub-orchestrations too. */
  async rewind(id: string, reason: string): Promise<Result> {
    const instance = this.#store.instance(id);
    if (!instance) return "not found";
    if (instance.status !== "Failed") return "not failed";
    const instances = this.#store.db.write(() => this.#rewind(instance, reason));
    await this.#settle(...instances);
    return "accepted";
  }

  /** The ids of all that was rewound. */
  #rewind(instance: Instance, reason: string): string[] {
    const { events } = this.#store.past(instance);
    const rewound = new Set<number>();
    const children: string[] = [];
    for (const { id, task } of failedChildren(events)) {
      const child = this.#store.instance(id);
      if (child?.status !== "Failed" || !isChildOf(child, instance, task)) continue;
      rewound.add(task);
      children.push(...this.#rewind(child, reason));
    }
    const kept = withoutFailures(events, rewound);
    const running: Instance = { ...instance, status: "Running", output: null, updated: this.#now() };
    this.#store.deleteHistory(instance.id);
    this.#store.updateInstance(running);
    this.#store.appendHistory(running, kept);
    const poke: MessageBody = { EventType: EventType.GenericEvent, Data: `rewound: ${reason}` };
    this.#store.send(instance.id, stamped(poke, this.#now()), running.execution);
    return [instance.id, ...children];
  }

  async get(id: string): Promise<Instance | undefined> {
    const instance = this.#store.instance(id);
    await this.#store.db.durable();
    return instance;
  }

  history(instance: Instance): readonly HistoryEvent[] {
    return this.#store.past(instance).events;
  }

  async list(
    filter: Filter,
    top: number,
    after: string | undefined,
    order: Order = "oldest first",
  ): Promise<Page> {
    const { where, values } = conditions(filter, after, order);
    const by = order === "oldest first" ? "created, id" : "created DESC, id DESC";
    const rows = this.#store.db.all(`SELECT * FROM instance WHERE ${where} ORDER BY ${by} LIMIT ?`, [
      ...values,
      top + 1,
    ]);
    await this.#store.db.durable();
    const instances = rows.slice(0, top).map(instanceOf);
    const last = rows.length > top ? instances.at(-1) : undefined;
    return { instances, next: last && tokenOf(last) };
  }

  /** How many there are of each name and status. */
  counts(): { name: string; status: string; count: number }[] {
    return this.#store.db
      .all("SELECT name, status, count(*) AS count FROM instance GROUP BY name, status ORDER BY name")
      .map((row) => ({ name: text(row, "name"), status: text(row, "status"), count: integer(row, "count") }));
  }

  /** Numbers of the tasks whose timers will still fire. */
  pendingTimers(id: string): Set<number> {
    const rows = this.#store.db.all("SELECT task FROM timer WHERE instance = ?", [id]);
    return new Set(rows.map((row) => integer(row, "task")));
  }

  async purge(id: string): Promise<number> {
    if (!this.#store.instance(id)) return 0;
    this.#store.db.write(() => this.#store.deleteInstance(id));
    await this.#store.db.durable();
    return 1;
  }

  /** Only ended instances go. */
  async purgeBy(filter: Filter): Promise<number> {
    const { where, values } = conditions(filter, undefined);
    const ids = this.#store.db
      .all(
        `SELECT id FROM instance WHERE status IN ('Completed', 'Failed', 'Terminated') AND ${where}`,
        values,
      )
      .map((row) => text(row, "id"));
    this.#store.db.write(() => ids.forEach((id) => this.#store.deleteInstance(id)));
    await this.#store.db.durable();
    return ids.length;
  }

  async #tell(id: string, body: MessageBody): Promise<Result> {
    const instance = this.#store.instance(id);
    if (!instance) return "not found";
    if (hasEnded(instance.status)) return "ended";
    this.#store.db.write(() => this.#store.send(id, stamped(body, this.#now()), null));
    await this.#settle(id);
    return "accepted";
  }

  async #settle(...instances: string[]): Promise<void> {
    this.#dispatcher.note({ instances, work: [] });
    await this.#store.db.durable();
  }
}

const isChildOf = ({ parent }: Instance, { id, execution }: Instance, task: number): boolean =>
  parent?.id === id && parent.execution === execution && parent.task === task;

const tokenOf = (instance: Instance): string =>
  Buffer.from(JSON.stringify([instance.created, instance.id])).toString("base64url");

/** @throws RangeError when the token is not one of ours */
function positionOf(token: string): [number, string] {
  const invalid = new RangeError("the continuation token is not valid");
  try {
    const [created, id]: unknown[] = JSON.parse(Buffer.from(token, "base64url").toString());
    if (typeof created === "number" && typeof id === "string") return [created, id];
  } catch {
    throw invalid;
  }
  throw invalid;
}

function conditions(
  filter: Filter,
  after: string | undefined,
  order: Order = "oldest first",
): { where: string; values: (string | number)[] } {
  const parts: string[] = ["1"];
  const values: (string | number)[] = [];
  const add = (sql: string, ...more: (string | number)[]) => {
    parts.push(sql);
    values.push(...more);
  };
  if (filter.statuses) add(`status IN (${filter.statuses.map(() => "?").join()})`, ...filter.statuses);
  if (filter.createdFrom !== undefined) add("created >= ?", filter.createdFrom);
  if (filter.createdTo !== undefined) add("created <= ?", filter.createdTo);
  if (filter.idPrefix) add("substr(id, 1, length(?)) = ?", filter.idPrefix, filter.idPrefix);
  if (filter.name !== undefined) add("name = ? COLLATE NOCASE", filter.name);
  if (after !== undefined)
    add(`(created, id) ${order === "oldest first" ? ">" : "<"} (?, ?)`, ...positionOf(after));
  return { where: parts.join(" AND "), values };
}
