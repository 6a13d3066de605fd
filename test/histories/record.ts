/**
 * Takes histories of Leeward's own orchestrations out of task hubs, for `test/unit/orchestrations/recorded.test.ts` to replay:
 *
 *     LEEWARD_KEEP_HUBS=<folder> npx vitest run --project box
 *     node test/histories/record.ts <folder>
 *
 * Of each orchestration and each end it keeps the shortest history of each set of steps, a few of them. What is there already stays:
 * histories of older versions are what instances that run on while the app is updated have behind them.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { eventName, type HistoryEvent } from "../../local/functions-host/durable/history.ts";
import type { RecordedHistory } from "./recorded.ts";

/** Of one orchestration with one end. */
const MOST = 3;

const folder = process.argv[2];
if (folder === undefined) throw new Error("node test/histories/record.ts <folder of *.db>");
const hubs = readdirSync(folder).filter((name) => name.endsWith(".db"));
const found = hubs.flatMap((name) => historiesOf(path.join(folder, name)));
for (const history of chosen(found)) write(history);

function historiesOf(file: string): RecordedHistory[] {
  const db = new DatabaseSync(file);
  try {
    const instances = db.prepare("SELECT id, name, status, input FROM instance").all();
    const turns = db.prepare("SELECT events FROM history WHERE instance = ? ORDER BY turn");
    return instances.map((row) => ({
      orchestration: String(row["name"]),
      status: String(row["status"]),
      input: JSON.parse(String(row["input"] ?? "null")),
      events: turns
        .all(row["id"] ?? null)
        .flatMap(({ events }): HistoryEvent[] => JSON.parse(String(events)))
        .map(withoutPlaces),
    }));
  } finally {
    db.close();
  }
}

/** A stack names files of the machine that recorded it, and nothing depends on it. */
function withoutPlaces(event: HistoryEvent): HistoryEvent {
  if (!("Details" in event)) return event;
  const { FailureDetails: details, ...rest } = event;
  const [Details = ""] = event.Details.split("\n    at ");
  return details
    ? { ...rest, Details, FailureDetails: { ...details, StackTrace: null } }
    : { ...rest, Details };
}

/** The set of steps, so that a loop of ten rounds counts as one of three. */
function stepsOf({ orchestration, status, events }: RecordedHistory): string {
  const steps = new Set(events.map((event) => eventName(event.EventType) + ("Name" in event ? event.Name : "")));
  return [orchestration, status, ...steps].join(" ");
}

function chosen(histories: readonly RecordedHistory[]): RecordedHistory[] {
  const shortest = new Map<string, RecordedHistory>();
  for (const history of histories.filter(({ events }) => events.length > 2)) {
    const steps = stepsOf(history);
    const other = shortest.get(steps);
    if (!other || history.events.length < other.events.length) shortest.set(steps, history);
  }
  const ends = Map.groupBy(shortest.values(), ({ orchestration, status }) => `${orchestration} ${status}`);
  return [...ends.values()].flatMap((all) =>
    // Those with the most kinds of steps first.
    all.toSorted((a, b) => stepsOf(b).length - stepsOf(a).length).slice(0, MOST),
  );
}

function write(history: RecordedHistory): void {
  const name = createHash("sha256").update(stepsOf(history)).digest("hex").slice(0, 8);
  const directory = path.join(import.meta.dirname, history.orchestration);
  mkdirSync(directory, { recursive: true });
  const { events, ...about } = history;
  const lines = [JSON.stringify(about), ...events.map((event) => JSON.stringify(event))];
  writeFileSync(path.join(directory, `${history.status.toLowerCase()}-${name}.jsonl`), `${lines.join("\n")}\n`);
}
