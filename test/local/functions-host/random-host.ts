import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { entityId } from "../../../local/functions-host/durable/entity-store.ts";
import { hasEnded } from "../../../local/functions-host/durable/store.ts";
import { type Host, startHost } from "../../../local/functions-host/host.ts";
import type { Program } from "../../functions-host/app/random.ts";
import { type End, eventsOf } from "./random-model.ts";
import { VirtualClock } from "./virtual-clock.ts";

/**
 * Runs random programs to their end on a virtual clock, and writes how they ended. It may be killed at any instant and started
 * again: what runs already goes on, and the clock does not go back.
 * usage: node random-host.ts <folder of state, with programs.json>
 */
async function main(data: string): Promise<void> {
  const clock = new VirtualClock(new Date(lastTime(data)).toISOString());
  const host = await startHost({
    app: path.join(import.meta.dirname, "../../functions-host/app"),
    data,
    port: 0,
    clock,
  });
  process.stdout.write("ready\n");
  const programs: Program[] = JSON.parse(readFileSync(path.join(data, "programs.json"), "utf8"));
  await Promise.all(programs.map((program, i) => begin(host, `p${i}`, program)));
  const settle = async () => {
    await host.idle();
    writeFileSync(path.join(data, "clock"), String(clock.millis));
  };
  while (programs.some((_, i) => !hasEnded(host.hub.store.instance(`p${i}`)?.status ?? "Pending")))
    await clock.advance(30 * 86_400_000, settle);
  await settle();
  const ends = await Promise.all(programs.map((_, i) => endOf(host, `p${i}`)));
  writeFileSync(path.join(data, "ends.json"), JSON.stringify(ends));
  await host.stop();
}

/** Each event has a name of its own, so that raising it again after a kill does no harm. */
async function begin({ hub }: Host, id: string, program: Program): Promise<void> {
  if (!(await hub.instances.get(id)))
    await hub.instances.start("program", id, JSON.stringify({ program, before: [] }), "");
  for (const name of eventsOf(program)) await hub.instances.raise(id, name, JSON.stringify(`event ${name}`));
}

async function endOf({ hub }: Host, id: string): Promise<End> {
  const instance = await hub.instances.get(id);
  const entity = await hub.entities.get(entityId("sum", id));
  const failed = instance?.status === "Failed";
  return [
    instance?.status ?? "none",
    failed ? "failed" : JSON.parse(instance?.output ?? "null"),
    entity ? JSON.parse(entity.state ?? "null") : "none",
  ];
}

function lastTime(data: string): number {
  try {
    return Number(readFileSync(path.join(data, "clock"), "utf8")) || START;
  } catch {
    return START;
  }
}

const START = Date.parse("2030-01-01T00:00:00Z");

process.env["TEST_HUB"] = "RandomHub";
process.env["TEST_SCHEDULE"] = "0 0 0 1 1 *";
process.env["TEST_FAST_SCHEDULE"] = "0 0 0 1 1 *";
const [, , folder] = process.argv;
if (folder === undefined) throw new Error("usage: random-host.ts <folder>");
await main(folder);
