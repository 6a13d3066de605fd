import type { Call, Disturbance, Mishap } from "./calls.ts";
import { differences, endStateOf, type EndState } from "./end-state.ts";
import { type Step, achieve } from "./achieve.ts";
import type { Stage } from "./stage.ts";
import { surround } from "./strangers.ts";
import { type World, openWorld } from "./world.ts";

/** A step that is disturbed at each of its calls, behind steps that are not. */
export interface Story {
  readonly before: readonly Step[];
  readonly step: Step;
  /** Disturbed as well. */
  readonly after?: readonly Step[];
  /** Where nothing of ours is left in the end: the names of what differs all the same from a world in which it never was. */
  readonly leaves?: readonly RegExp[];
  /** Where it has another way: the call that it takes that one behind, when its operation fails. Its end then is as right as the other. */
  readonly otherwise?: RegExp;
  /** Of a call that never answers, where nobody waits for it: what may stay, and be said to stay. */
  readonly gives?: { readonly call: RegExp; readonly lines: readonly RegExp[] };
}

const isChange = ({ name }: Call): boolean => /^(PUT|POST|PATCH|DELETE) /.test(name);
const isPoll = ({ name }: Call): boolean => name.endsWith("/{id}");
const isArm = ({ sort }: Call): boolean => sort === "arm";

/** More than the orchestrations try by themselves. */
const GIVEN_UP = 9;

/** What is read again and again is read by the same lines. */
const MOST_READS = 3;

const refused = (status: number, code: string, times = 1, retryAfter?: number): Mishap => ({
  kind: "status",
  status,
  code,
  times,
  ...(retryAfter !== undefined && { retryAfter }),
});

interface Kind {
  readonly mishap: Mishap;
  /** The calls that it can happen to. */
  readonly to: (call: Call) => boolean;
}

/** Every way in which a call can go wrong. */
export const KINDS = {
  "429 with Retry-After": { mishap: refused(429, "TooManyRequests", 1, 40), to: isArm },
  "409 while another operation is at work": {
    mishap: refused(409, "AnotherOperationInProgress"),
    to: isChange,
  },
  "409 that does not pass by itself": { mishap: refused(409, "Conflict"), to: isChange },
  "500 until it is given up": { mishap: refused(500, "InternalServerError", GIVEN_UP), to: isArm },
  "503 once": { mishap: refused(503, "ServiceUnavailable"), to: isArm },
  "404 of what is asked for again and again": { mishap: refused(404, "OperationNotFound"), to: isPoll },
  "Resource Manager is gone for a quarter of an hour": {
    mishap: { kind: "unreachable", seconds: 900 },
    to: isArm,
  },
  "the reply is lost": { mishap: { kind: "lose-reply" }, to: isChange },
  "the operation ends as Failed": {
    mishap: { kind: "operation-fails" },
    to: ({ begins }) => begins,
  },
  "the host dies before it": { mishap: { kind: "host-dies", when: "before" }, to: isArm },
  "the host dies behind it": {
    mishap: { kind: "host-dies", when: "behind" },
    to: ({ sort }) => sort !== "read",
  },
  "the host dies behind what it reads": {
    mishap: { kind: "host-dies", when: "behind" },
    to: ({ sort, nth }) => sort === "read" && nth <= MOST_READS,
  },
} satisfies Record<string, Kind>;
export type KindName = keyof typeof KINDS;

/** How a story goes when nothing disturbs it. */
export interface Undisturbed {
  readonly calls: readonly Call[];
  /** Without anything of ours. */
  readonly bare: EndState;
  readonly end: EndState;
  /** When it went its other way. */
  readonly other?: EndState;
}

export async function undisturbed(stage: Stage, story: Story): Promise<Undisturbed> {
  const world = await openWorld(stage);
  await tell(world, story);
  const end = await endStateOf(world);
  world.close();
  const calls = world.calls.seen;
  const other = story.otherwise && (await otherEnd(stage, story, calls));
  return { calls, bare: await bareOf(stage), end, ...(other && { other }) };
}

async function otherEnd(stage: Stage, story: Story, calls: readonly Call[]): Promise<EndState> {
  const call = calls.find(({ name, begins }) => begins && story.otherwise?.test(name));
  if (!call) throw new Error("the story has no such call");
  const world = await openWorld(stage, { call, mishap: { kind: "operation-fails" } });
  const failures = await tell(world, story);
  if (failures.length > 0) throw new Error(`there is no other way: ${failures.join("; ")}`);
  const end = await endStateOf(world);
  world.close();
  return end;
}

async function bareOf(stage: Stage): Promise<EndState> {
  const world = await openWorld(stage);
  await surround(world);
  const bare = await endStateOf(world);
  world.close();
  return bare;
}

/** What of ours is left, or of others gone, in lines for a person. */
export const leftOver = ({ leaves }: Story, { bare, end }: Undisturbed): string[] =>
  leaves
    ? differences(bare, end).filter((line) => !leaves.some((one) => one.test(line)))
    : ["this story does not say what it leaves"];

export function casesOf({ calls }: Undisturbed, name: KindName): Disturbance[] {
  const { mishap, to }: Kind = KINDS[name];
  return calls.filter(to).map((call) => ({ call, mishap }));
}

/** What is wrong in the end, in lines for a person; none when a disturbance left no trace. */
export async function disturbed(
  stage: Stage,
  story: Story,
  { end, other }: Undisturbed,
  disturbance: Disturbance,
): Promise<string[]> {
  const world = await openWorld(stage, disturbance);
  try {
    const failures = await tell(world, story);
    if (!world.calls.struck) return ["it never happened"];
    const { gives } = story;
    const silent = disturbance.mishap === KINDS["500 until it is given up"].mishap;
    const spared = silent && gives?.call.test(disturbance.call.name) ? gives.lines : [];
    const found = await endStateOf(world);
    if (other && differences(other, found).length === 0) return [];
    const wrong = differences(end, found).filter((line) => !spared.some((one) => one.test(line)));
    return wrong.length > 0 ? [...failures.map((why) => `(${why})`), ...wrong] : [];
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  } finally {
    world.close();
  }
}

async function tell(world: World, { before, step, after = [] }: Story): Promise<string[]> {
  for (const each of before) await achieve(world, each);
  world.calls.begin();
  const failures: string[] = [];
  for (const each of [step, ...after]) failures.push(...(await achieve(world, each)));
  world.calls.end();
  return failures;
}
