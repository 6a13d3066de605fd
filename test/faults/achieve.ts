import type { OperationId } from "../../engine/core/ids.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import { retentionActivities } from "../../functions/activities/retention.ts";
import { tendLeftImages } from "../../functions/left-images.ts";
import type { World } from "./world.ts";

/** Something that a person asks for, and when all that comes of it has come to rest. */
export interface Step {
  readonly name: string;
  /**
   * What the person sends, and sends again when it failed; what was not answered is sent again as the same request. The job, unless
   * there is nothing left to do.
   */
  begin(world: World, request: string): Promise<OperationId | "done">;
  rests(world: World): Promise<boolean>;
  /** Its job is meant to fail, and is not asked for again. */
  readonly fails?: true;
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
    if (why === undefined || step.fails) break;
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

/** What timers do now and then, and nobody waits for: no part of the story, so it is done by who cannot die. */
async function tidied(world: World): Promise<void> {
  const { eye: services, hub, clock, stage } = world;
  const { machine } = stage.story;
  if (await services.records.items.get(itemKeyOf(machine)))
    await retentionActivities.sweep({ machine }, { services, client: hub.client() });
  while (await services.records.leftImages.get(machine)) {
    await clock.pass(PATIENCE);
    await tended(world);
  }
}

/** It waits for Resource Manager, whose clock stands still while nobody lets it go on. */
async function tended({ eye, clock }: World): Promise<void> {
  let done = false;
  void tendLeftImages(eye).then(() => (done = true));
  await clock.until(() => done, LONGEST, "images that were left");
}

/** Whether a job ran, and why it failed, if it did. */
async function tried(world: World, step: Step, request: string): Promise<{ ran: boolean; why?: string }> {
  const { clock, eye } = world;
  let answer: Answer;
  do answer = await asked(world, step, request);
  while (answer === "none");
  if ("refused" in answer) return { ran: false, why: answer.refused };
  const { operation } = answer;
  if (operation === "done") return { ran: true };
  const jobOf = async () => (await eye.records.jobs.get(operation))?.value;
  await clock.until(async () => (await jobOf())?.endTime !== undefined, LONGEST, step.name);
  const failure = (await jobOf())?.failure;
  return { ran: true, ...(failure && { why: `${failure.step}: ${failure.code}: ${failure.message}` }) };
}

/** None when the host died meanwhile. */
type Answer = "none" | { readonly operation: OperationId | "done" } | { readonly refused: string };

async function asked(world: World, step: Step, request: string): Promise<Answer> {
  const { clock, hub } = world;
  const { host } = hub;
  let answer: Answer = "none";
  const asking = host.work(() => step.begin(world, request));
  void asking.then(
    (operation) => (answer = { operation }),
    (error: unknown) => (answer = { refused: String(error) }),
  );
  await clock.until(() => answer !== "none" || host.ended.aborted, LONGEST, `${step.name}: its beginning`);
  return answer;
}
