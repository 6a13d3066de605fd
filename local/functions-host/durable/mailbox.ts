import { type Database, nullableText, text } from "./database.ts";
import type { Message } from "./history.ts";

/** A message on its way to an instance. */
export interface Letter {
  readonly instance: string;
  readonly message: Message;
  /** null: for whichever execution is alive. */
  readonly execution: string | null;
}

/**
 * What waits for instances, in the order in which it came. Most letters are read and dealt with in the transaction in which
 * they were sent, so the table gets only those that are left when it is committed.
 */
export class Mailbox {
  readonly #db: Database;
  readonly #waiting = new Map<string, Set<Letter>>();
  /** Those that no commit holds yet. */
  readonly #fresh = new Set<Letter>();
  readonly #rows = new Map<Letter, number>();

  constructor(db: Database) {
    this.#db = db;
    for (const row of db.all("SELECT * FROM inbox ORDER BY number")) {
      const message: Message = JSON.parse(text(row, "message"));
      const letter = { instance: text(row, "instance"), message, execution: nullableText(row, "execution") };
      this.#rows.set(letter, Number(row["number"]));
      this.#add(letter);
    }
    db.beforeCommit(() => this.#store());
  }

  send(instance: string, message: Message, execution: string | null): void {
    const letter = { instance, message, execution };
    this.#fresh.add(letter);
    this.#add(letter);
  }

  /** The oldest first. */
  of(instance: string): readonly Letter[] {
    return [...(this.#waiting.get(instance) ?? [])];
  }

  /** Instances that something waits for, that with the oldest letter first. */
  instances(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  discard(letter: Letter): void {
    const waiting = this.#waiting.get(letter.instance);
    waiting?.delete(letter);
    if (waiting?.size === 0) this.#waiting.delete(letter.instance);
    this.#fresh.delete(letter);
    const row = this.#rows.get(letter);
    if (row === undefined) return;
    this.#rows.delete(letter);
    this.#db.run("DELETE FROM inbox WHERE number = ?", [row]);
  }

  discardAll(instance: string): void {
    for (const letter of this.of(instance)) this.discard(letter);
  }

  #add(letter: Letter): void {
    const waiting = this.#waiting.get(letter.instance);
    if (waiting) waiting.add(letter);
    else this.#waiting.set(letter.instance, new Set([letter]));
  }

  #store(): void {
    for (const letter of this.#fresh) {
      const { instance, message, execution } = letter;
      const values = [instance, execution, JSON.stringify(message)];
      this.#rows.set(
        letter,
        this.#db.insert("INSERT INTO inbox(instance, execution, message) VALUES(?,?,?)", values),
      );
    }
    this.#fresh.clear();
  }
}
