import { z } from "zod";
import { armId } from "../../engine/core/ids.ts";
import type { Operation } from "../box/api.ts";
import type { Box } from "../box/box.ts";
import { type ItemView, jobView } from "./item-view.ts";
import type { StepReport } from "./report.ts";
import { type Scene, ledgerOf } from "./scene.ts";
import { type Step, type Terminal, mebibytes } from "./terminal.ts";
import { waitFor } from "./wait.ts";

/** Everything that the story leaves for its report. */
export interface Told {
  readonly steps: StepReport[];
  readonly terminal: Terminal;
}

/** One step of the story, on the terminal and in the report. */
export async function step<T>(
  told: Told,
  title: string,
  work: (line: Step) => Promise<{ value: T; detail: string; parts?: StepReport["parts"] }>,
): Promise<T> {
  const begun = performance.now();
  const line = told.terminal.step(title);
  try {
    const { value, detail, parts } = await work(line);
    line.done(detail);
    told.steps.push({ title, detail, seconds: (performance.now() - begun) / 1000, ...(parts && { parts }) });
    return value;
  } catch (error) {
    line.failed(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** Looks at an operation until it is done; the page that a person sees is refreshed beside it. */
export async function finished(
  { box }: Scene,
  operation: Operation,
  limit: number,
  refresh: () => Promise<void>,
): Promise<void> {
  await waitFor(
    `operation ${operation.id}`,
    async () => {
      const { status, error } = await box.api.state(operation);
      if (/^succeeded$/i.test(status)) return true;
      if (error) throw new Error(`${error.code}: ${error.message}`);
      if (/^(failed|canceled)$/i.test(status)) throw new Error(`the operation has ${status}`);
      await refresh();
      return undefined;
    },
    limit,
  );
}

export function progressOf(item: ItemView): [string, number | undefined] {
  const { progress, state } = item.properties.leeward;
  if (!progress) return [state, undefined];
  const { phase, done, total, rate, etaSeconds } = progress;
  if (done === undefined || !total) return [phase, undefined];
  // Only what moves bytes has a rate; elsewhere `done` counts parts.
  if (rate === undefined) return [`${phase}: ${done + 1} of ${total}`, undefined];
  const speed = rate ? `, ${mebibytes(rate)}/s` : "";
  const left = etaSeconds === undefined ? "" : `, ${Math.ceil(etaSeconds)} s left`;
  return [`${phase}: ${mebibytes(done)} of ${mebibytes(total)}${speed}${left}`, done / total];
}

/** The steps of the job behind an operation, with their durations. */
export async function partsOf(box: Box, { id }: Operation): Promise<StepReport["parts"]> {
  const { properties } = await box.api.get(`${box.plan.vaultPath}/replicationJobs/${id}`, jobView);
  return properties.tasks.map(({ friendlyName, startTime, endTime }) => ({
    name: friendlyName,
    seconds: startTime && endTime ? (Date.parse(endTime) - Date.parse(startTime)) / 1000 : 0,
  }));
}

const health = z.object({ status: z.literal("up") });

/** URL of the ledger on this VM, once it answers. */
export async function answering(box: Box, vm: string): Promise<string | undefined> {
  const url = await ledgerOf(box, armId(vm));
  if (!url) return undefined;
  try {
    const response = await fetch(new URL("/health", url));
    return health.safeParse(await response.json()).success ? url : undefined;
  } catch {
    return undefined;
  }
}
