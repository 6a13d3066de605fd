import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import type { HistoryEvent } from "../../local/functions-host/durable/history.ts";

/** What one instance had behind it when it was recorded. */
export interface RecordedHistory {
  readonly orchestration: string;
  readonly status: string;
  readonly input: unknown;
  readonly events: readonly HistoryEvent[];
}

/** Of each file: a line about the instance, then one for each event. */
export function recordedHistories(): (RecordedHistory & { readonly file: string })[] {
  return globSync("*/*.jsonl", { cwd: import.meta.dirname })
    .toSorted()
    .map((file) => {
      const lines = readFileSync(path.join(import.meta.dirname, file), "utf8").trimEnd().split("\n");
      const [about, ...events] = lines;
      const head: Omit<RecordedHistory, "events"> = JSON.parse(about ?? "{}");
      return { file, ...head, events: events.map((line): HistoryEvent => JSON.parse(line)) };
    });
}
