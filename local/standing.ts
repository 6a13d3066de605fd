import { z } from "zod";
import { leewardItem } from "../engine/contract/protected-item.ts";
import type { Box } from "./box/box.ts";
import { mebibytes } from "./demo/terminal.ts";

const items = z.object({
  /** To what the app of the other region has. */
  nextLink: z.string().nullish(),
  value: z.array(
    z.object({
      name: z.string(),
      properties: z.object({
        healthErrors: z.array(
          z.object({ errorCode: z.string(), errorMessage: z.string(), recommendedAction: z.string() }),
        ),
        leeward: leewardItem,
      }),
    }),
  ),
});
type Item = z.infer<typeof items>["value"][number];
type Leeward = Item["properties"]["leeward"];

/** How a machine's protection is, for a terminal. */
export interface Standing {
  readonly lines: readonly string[];
  /** The same for as long as nothing happened that is worth a line of its own. */
  readonly gist: string;
}

/** Of every machine that is protected, as the control plane says it. @throws Error when it does not answer */
export async function standings(box: Box): Promise<Standing[]> {
  const found: Standing[] = [];
  let next: string | null | undefined = `${box.plan.vaultPath}/replicationProtectedItems`;
  while (next) {
    const page: z.infer<typeof items> = await box.api.get(next, items);
    found.push(...page.value.map(standingOf));
    next = page.nextLink;
  }
  return found;
}

function standingOf({ name, properties: { healthErrors, leeward } }: Item): Standing {
  const problems = healthErrors.flatMap(({ errorCode, errorMessage, recommendedAction }) => [
    `    ! ${errorCode}: ${errorMessage}`,
    `      ${recommendedAction}`,
  ]);
  const { state, generation, agent, resync } = leeward;
  const rung = agent?.pressure?.rung ?? "normal";
  const comparing = resync && resync.state !== "ended" ? `, resync ${resync.state}` : "";
  const gist = `${name}: ${state}, generation ${generation}, journal ${JOURNAL[rung]}${comparing}`;
  return {
    gist: [gist, ...healthErrors.map(({ errorCode }) => errorCode)].join(" "),
    lines: [gist, ...figuresOf(leeward).map((line) => `    ${line}`), ...problems],
  };
}

const JOURNAL = {
  normal: "as usual",
  slow: "in larger and later segments",
  merging: "merged: only the newest content travels",
  broken: "broken: what is written now is in no journal",
} as const;

function figuresOf({ agent, losses, latestPoint, progress }: Leeward): string[] {
  const waits = agent?.backlog.bytes ? `${mebibytes(agent.backlog.bytes)} wait for the cache` : undefined;
  const unrecorded = agent?.pressure?.unrecorded;
  const merged = unrecorded && `${mebibytes(unrecorded.bytes)} are not in the journal`;
  const point = latestPoint && `newest point ${latestPoint.time.slice(11, 19)}`;
  const lost = losses && `VM loss ${lossText(losses.vm)}, region loss ${lossText(losses.region)}`;
  const copy = progress?.total && `${progress.phase}: ${copyText(progress)}`;
  return [
    [waits, merged].filter(Boolean).join(", "),
    [lost, point].filter(Boolean).join(", "),
    copy || "",
  ].filter(Boolean);
}

const lossText = ({ seconds, writes }: { seconds: number; writes: number }) =>
  `${seconds.toFixed(1)} s (${writes} writes)`;

function copyText({ done = 0, total = 0, etaSeconds }: NonNullable<Leeward["progress"]>): string {
  const left = etaSeconds === undefined ? "" : `, ${etaSeconds} s left`;
  return `${mebibytes(done)} of ${mebibytes(total)}${left}`;
}
