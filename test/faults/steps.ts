import { recoveryPolicy } from "../../engine/recovery/policy.ts";
import type { OperationId } from "../../engine/core/ids.ts";
import { type ItemRecord, itemKey } from "../../engine/recovery/item.ts";
import { beginTest, beginTestCleanup, testJobOf } from "../../engine/recovery/test-failover.ts";
import { ensureJob } from "../../functions/durable.ts";
import { enable, failOver } from "../../functions/begin.ts";
import { ENABLEMENT, ITEM, TARGET_GROUP, VM } from "./place.ts";
import { retentionActivities } from "../../functions/activities/retention.ts";
import { START } from "./place.ts";
import type { World } from "./world.ts";

/** Something that a person asks for, and when all that comes of it has come to rest. */
export interface Step {
  readonly name: string;
  /** What the person sends, and sends again when it failed; what was not answered is sent again as the same request. The job. */
  begin(world: World, request: string): Promise<OperationId>;
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
  const { clock, eye } = world;
  let answer: Answer;
  do answer = await asked(world, step, request);
  while (answer === "none");
  if ("refused" in answer) return { ran: false, why: answer.refused };
  const { operation } = answer;
  const jobOf = async () => (await eye.records.jobs.get(operation))?.value;
  await clock.until(async () => (await jobOf())?.endTime !== undefined, LONGEST, step.name);
  const failure = (await jobOf())?.failure;
  return { ran: true, ...(failure && { why: `${failure.step}: ${failure.code}: ${failure.message}` }) };
}

/** None when the host died meanwhile. */
type Answer = "none" | { readonly operation: OperationId } | { readonly refused: string };

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

/** Nothing is under way but the machine's replication, which goes on for good. */
const quiet = ({ hub }: World): boolean => hub.live().every((id) => id.startsWith("replicate-"));

export const enablement = (replica: "warm" | "none"): Step => ({
  name: ENABLEMENT,
  async begin(world, token) {
    const { services, client } = world.tools();
    const policy = recoveryPolicy.parse({ replica });
    const wish = { id: ITEM, vmId: VM, policy, request: { resourceGroup: TARGET_GROUP } };
    // The machine is called after it.
    return (await enable(services, client, wish, { now: START, token })).job.operation;
  },
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
  async begin(world, token) {
    const { services, client } = world.tools();
    const asked = { now: world.clock.now(), token };
    return (await failOver(services, client, ITEM, asked, { acceptBadPoint: false })).job.operation;
  },
  rests: async ({ hub }) => hub.live().length === 0,
};

export const testFailover: Step = {
  name: "test failover",
  begin: (world, token) => beginTestJob(world, (old) => beginTest(old, { now: world.clock.now(), token })),
  rests: async (world) => quiet(world),
};

export const testCleanup: Step = {
  name: "clean-up of the test",
  begin: (world, token) =>
    beginTestJob(world, (old) => beginTestCleanup(old, { now: world.clock.now(), token })),
  rests: async (world) => quiet(world),
};

async function beginTestJob(world: World, change: (old: ItemRecord) => ItemRecord): Promise<OperationId> {
  const { services, client } = world.tools();
  const item = await services.records.items.update(itemKey(ITEM), change);
  const { test, formerTest } = item;
  if (!test) return formerTest?.cleanup ?? item.job.operation;
  const job = testJobOf(item);
  await services.records.jobs.upsert(job.operation, (old) => old ?? job);
  await ensureJob(client, job);
  return job.operation;
}
