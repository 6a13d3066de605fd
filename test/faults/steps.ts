import { recoveryPolicy } from "../../engine/recovery/policy.ts";
import { type ItemRecord, itemKey } from "../../engine/recovery/item.ts";
import { enable, failOver } from "../../functions/begin.ts";
import { ENABLEMENT, ITEM, TARGET_GROUP, VM } from "./place.ts";
import { retentionActivities } from "../../functions/activities/retention.ts";
import { START } from "./place.ts";
import type { World } from "./world.ts";

/** Something that a person asks for, and when all that comes of it has come to rest. */
export interface Step {
  readonly name: string;
  /** What the person sends, and sends again when it failed; what was not answered is sent again as the same request. */
  begin(world: World, request: string): Promise<unknown>;
  rests(world: World): Promise<boolean>;
}

/** Seconds between two tries of a person. */
const PATIENCE = 300;
const MOST_TRIES = 6;
/** Seconds for one job, or for what follows from it. */
const LONGEST = 6 * 3600;

/** Asks until it succeeds, as a person would. @returns why it failed before, if it did */
export async function achieve(world: World, step: Step): Promise<string[]> {
  const failures: string[] = [];
  for (let jobs = 1; ;) {
    const { ran, why } = await tried(world, step, `${step.name} ${jobs}`);
    if (why === undefined) break;
    failures.push(why);
    if (failures.length === MOST_TRIES)
      throw new Error(`${step.name} never succeeds:\n${failures.join("\n")}`);
    if (ran) jobs++;
    await world.clock.pass(PATIENCE);
  }
  await world.clock.until(() => step.rests(world), LONGEST, `${step.name}: what follows it`);
  await tidied(world);
  return failures;
}

/** What retention does once an hour, and nobody waits for here. */
async function tidied(world: World): Promise<void> {
  const { machine } = world.stage.story;
  await retentionActivities.sweep({ machine }, world.tools());
}

/** Whether a job ran, and why it failed, if it did. */
async function tried(world: World, step: Step, request: string): Promise<{ ran: boolean; why?: string }> {
  const { clock } = world;
  let answer: Answer;
  do answer = await asked(world, step, request);
  while (answer === "none");
  if (answer !== "accepted") return { ran: false, why: answer.refused };
  await clock.until(async () => (await itemOf(world))?.job.ended ?? false, LONGEST, step.name);
  const { failure } = (await itemOf(world)) ?? {};
  return { ran: true, ...(failure && { why: `${failure.step}: ${failure.code}: ${failure.message}` }) };
}

/** None when the host died meanwhile. */
type Answer = "accepted" | "none" | { readonly refused: string };

async function asked(world: World, step: Step, request: string): Promise<Answer> {
  const { clock, hub } = world;
  const { host } = hub;
  let answer: Answer = "none";
  const asking = host.work(() => step.begin(world, request));
  void asking.then(
    () => (answer = "accepted"),
    (error: unknown) => (answer = { refused: String(error) }),
  );
  await clock.until(() => answer !== "none" || host.ended.aborted, LONGEST, `${step.name}: its beginning`);
  return answer;
}

async function itemOf({ eye }: World): Promise<ItemRecord | undefined> {
  return (await eye.records.items.get(itemKey(ITEM)))?.value;
}

/** Nothing is under way but the machine's replication, which goes on for good. */
const quiet = ({ hub }: World): boolean => hub.live().every((id) => id.startsWith("replicate-"));

export const enablement = (replica: "warm" | "none"): Step => ({
  name: ENABLEMENT,
  begin: (world, token) =>
    enable(
      world.tools().services,
      world.tools().client,
      {
        id: ITEM,
        vmId: VM,
        policy: recoveryPolicy.parse({ replica }),
        request: { resourceGroup: TARGET_GROUP },
      },
      // The machine is called after it.
      { now: START, token },
    ),
  async rests(world) {
    const { eye, stage } = world;
    const progress = (await eye.records.progress.get(stage.story.machine))?.value;
    const arrived = progress?.arrived.next === stage.story.segments.length;
    const held = replica === "none" || progress?.applied !== undefined;
    return quiet(world) && arrived && held;
  },
});

export const failover: Step = {
  name: "failover",
  begin: (world, token) =>
    failOver(
      world.tools().services,
      world.tools().client,
      ITEM,
      { now: world.clock.now(), token },
      { acceptBadPoint: false },
    ),
  rests: async ({ hub }) => hub.live().length === 0,
};
