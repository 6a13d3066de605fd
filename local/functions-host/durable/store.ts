import { Database, integer, nullableText, type Row, text } from "./database.ts";
import { EntityStore } from "./entity-store.ts";
import { EventType, type HistoryEvent, type Message, type MessageBody, stamped } from "./history.ts";
import { HistoryCache, type Past } from "./history-cache.ts";
import { type Letter, Mailbox } from "./mailbox.ts";

export const STATUSES = ["Pending", "Running", "Suspended", "Completed", "Failed", "Terminated"] as const;
export type Status = (typeof STATUSES)[number];

const ENDED: readonly Status[] = ["Completed", "Failed", "Terminated"];
export const hasEnded = (status: Status): boolean => ENDED.includes(status);

export interface Instance {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly status: Status;
  /** JSON text, like output and customStatus. */
  readonly input: string | null;
  readonly output: string | null;
  readonly customStatus: string | null;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly updated: number;
  /** Changes with every start and every continueAsNew, so that answers to an older run are recognised. */
  readonly execution: string;
  readonly parent: { readonly id: string; readonly execution: string; readonly task: number } | null;
}

/** A message and where it waits, to be deleted once it is dealt with. */
export interface Mail {
  readonly message: Message;
  /** null: for whichever execution is alive. */
  readonly execution: string | null;
  readonly from: Letter | { readonly timer: number };
}

export interface WorkItem {
  readonly instance: string;
  readonly execution: string;
  readonly task: number;
  readonly name: string;
  /** JSON text. */
  readonly input: string | null;
}

/** All durable state of the task hub. Every method that changes something must run inside `db.write`. */
export class Store {
  readonly db: Database;
  readonly entities: EntityStore;
  readonly mailbox: Mailbox;
  readonly #cache = new HistoryCache();
  /** Known while no timer is due and none has changed since. */
  #timers: { readonly next: number; readonly nextHeld: number } | undefined;

  constructor(file: string) {
    this.db = new Database(file);
    this.entities = new EntityStore(this.db);
    this.mailbox = new Mailbox(this.db);
  }

  instance(id: string): Instance | undefined {
    const known = this.#cache.instance(id);
    if (known) return known;
    const row = this.db.get("SELECT * FROM instance WHERE id = ?", [id]);
    return row && instanceOf(row);
  }

  /** There must be none of this id. */
  addInstance(i: Instance): void {
    this.db.run("INSERT INTO instance VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)", [
      i.id,
      i.name,
      i.version,
      i.status,
      i.input,
      i.output,
      i.customStatus,
      i.created,
      i.updated,
      i.execution,
      i.parent?.id ?? null,
      i.parent?.execution ?? null,
      i.parent?.task ?? null,
    ]);
  }

  updateInstance(i: Instance): void {
    this.db.run(
      "UPDATE instance SET status = ?, input = ?, output = ?, custom = ?, updated = ?, execution = ? WHERE id = ?",
      [i.status, i.input, i.output, i.customStatus, i.updated, i.execution, i.id],
    );
    if (hasEnded(i.status)) this.#cache.drop(i.id);
    else this.#cache.update(i);
  }

  deleteInstance(id: string): void {
    this.mailbox.discardAll(id);
    this.deleteTimers(id);
    this.db.run("DELETE FROM history WHERE instance = ?", [id]);
    this.db.run("DELETE FROM work WHERE instance = ?", [id]);
    this.db.run("DELETE FROM instance WHERE id = ?", [id]);
    this.#cache.drop(id);
  }

  // history

  past(instance: Instance): Past {
    return this.#cache.get(instance, () =>
      this.db
        .all("SELECT events FROM history WHERE instance = ? ORDER BY turn", [instance.id])
        .map((row) => text(row, "events")),
    );
  }

  appendHistory(instance: Instance, events: readonly HistoryEvent[]): void {
    const past = this.past(instance);
    const played = events.map((event) => ({ ...event, IsPlayed: true }));
    const added = JSON.stringify(played);
    this.db.run("INSERT INTO history VALUES(?,?,?)", [instance.id, past.turns, added]);
    this.#cache.append(past, played, added);
  }

  deleteHistory(id: string): void {
    this.db.run("DELETE FROM history WHERE instance = ?", [id]);
    this.#cache.drop(id);
  }

  // inbox and timers

  send(instance: string, message: Message, execution: string | null): void {
    this.mailbox.send(instance, message, execution);
  }

  setTimer(instance: Instance, task: number, due: number): void {
    this.#changeTimers("INSERT INTO timer(instance, task, execution, due) VALUES(?,?,?,?)", [
      instance.id,
      task,
      instance.execution,
      due,
    ]);
  }

  cancelTimer(instance: string, task: number): void {
    this.#changeTimers("DELETE FROM timer WHERE instance = ? AND task = ?", [instance, task]);
  }

  deleteTimers(instance: string): void {
    this.#changeTimers("DELETE FROM timer WHERE instance = ?", [instance]);
  }

  /** A suspended instance's timers do not wake it. */
  holdTimers(instance: string, held: boolean): void {
    this.#changeTimers("UPDATE timer SET held = ? WHERE instance = ?", [held ? 1 : 0, instance]);
  }

  #changeTimers(sql: string, values: (string | number)[]): void {
    if (this.db.run(sql, values) > 0) this.#timers = undefined;
  }

  /** Everything that waits for the instance, in the order in which it happened. */
  mail(id: string, now: number): Mail[] {
    const letters = this.mailbox.of(id).map((letter) => ({ ...letter, from: letter }));
    if (this.#timers && now < Math.min(this.#timers.next, this.#timers.nextHeld)) return letters;
    const fired = this.db
      .all("SELECT task, execution, due FROM timer WHERE instance = ? AND due <= ? ORDER BY due", [id, now])
      .map((row) => firedOf(row, now));
    return mergeByTime(letters, fired);
  }

  discard(instance: string, mail: readonly Mail[]): void {
    for (const { from } of mail)
      if ("timer" in from) this.cancelTimer(instance, from.timer);
      else this.mailbox.discard(from);
  }

  // work

  /** The number of the new item. */
  addWork(item: WorkItem): number {
    return this.db.insert("INSERT INTO work(instance, execution, task, name, input) VALUES(?,?,?,?,?)", [
      item.instance,
      item.execution,
      item.task,
      item.name,
      item.input,
    ]);
  }

  work(number: number): WorkItem | undefined {
    const row = this.db.get("SELECT * FROM work WHERE number = ?", [number]);
    return row && workOf(row);
  }

  /** False when it is gone already: its instance was purged or started anew. */
  deleteWork(number: number): boolean {
    return this.db.run("DELETE FROM work WHERE number = ?", [number]) > 0;
  }

  // what there is to do

  allWork(): number[] {
    return this.db.all("SELECT number FROM work ORDER BY number").map((row) => integer(row, "number"));
  }

  /** Instances whose timers are due, and when the next one will be: never, if it is infinite. */
  timers(now: number): { due: readonly string[]; next: number } {
    if (this.#timers && now < this.#timers.next) return { due: [], next: this.#timers.next };
    const due = this.db
      .all("SELECT DISTINCT instance FROM timer WHERE held = 0 AND due <= ? ORDER BY due", [now])
      .map((row) => text(row, "instance"));
    const next = this.#earliest("held = 0 AND due > ?", now);
    this.#timers = due.length > 0 ? undefined : { next, nextHeld: this.#earliest("held = 1 AND due > ?", 0) };
    return { due, next };
  }

  #earliest(which: string, now: number): number {
    const row = this.db.get(`SELECT min(due) AS due FROM timer WHERE ${which}`, [now]);
    return row?.["due"] === null || row === undefined ? Number.POSITIVE_INFINITY : integer(row, "due");
  }
}

const statusOf = (value: string): Status => {
  const status = STATUSES.find((known) => known === value);
  if (!status) throw new TypeError(`not a status: ${value}`);
  return status;
};

export const instanceOf = (row: Row): Instance => ({
  id: text(row, "id"),
  name: text(row, "name"),
  version: text(row, "version"),
  status: statusOf(text(row, "status")),
  input: nullableText(row, "input"),
  output: nullableText(row, "output"),
  customStatus: nullableText(row, "custom"),
  created: integer(row, "created"),
  updated: integer(row, "updated"),
  execution: text(row, "execution"),
  parent:
    row["parent"] === null
      ? null
      : {
          id: text(row, "parent"),
          execution: text(row, "parent_execution"),
          task: integer(row, "parent_task"),
        },
});

function firedOf(row: Row, now: number): Mail {
  const task = integer(row, "task");
  const FireAt = new Date(integer(row, "due")).toISOString();
  const body: MessageBody = { EventType: EventType.TimerFired, TimerId: task, FireAt };
  return { message: stamped(body, now), execution: text(row, "execution"), from: { timer: task } };
}

const workOf = (row: Row): WorkItem => ({
  instance: text(row, "instance"),
  execution: text(row, "execution"),
  task: integer(row, "task"),
  name: text(row, "name"),
  input: nullableText(row, "input"),
});

/** Letters keep their order; a timer goes before the first letter that came after it was due. */
function mergeByTime(letters: readonly Mail[], fired: readonly Mail[]): Mail[] {
  const merged = [...letters];
  for (const timer of fired) {
    const at = merged.findIndex(
      (mail) => !("timer" in mail.from) && mail.message.Timestamp > dueOf(timer.message),
    );
    merged.splice(at < 0 ? merged.length : at, 0, timer);
  }
  return merged;
}

const dueOf = (message: Message): string =>
  message.EventType === EventType.TimerFired ? message.FireAt : message.Timestamp;
