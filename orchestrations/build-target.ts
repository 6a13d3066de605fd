import type { OrchestrationContext, Task } from "durable-functions";
import type { BarrierId } from "../engine/core/ids.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { millis } from "../engine/core/units.ts";
import type { FailoverStep } from "../engine/recovery/failover-plan.ts";
import { armOperation, armOperations } from "./arm-operation.ts";
import { decodeFailure } from "./failure.ts";
import { givingUp, imported, importsOf } from "./other-road.ts";
import { type ArmSent, type AtPoint, type BootView, type Copy, call } from "./contract.ts";
import { type JobSteps, secondsSince } from "./job-status.ts";
import { pollWait, replayedNow, sleep } from "./timer.ts";

/** How much of the whole each step of building a target mostly takes. */
export const BUILD_WEIGHTS = {
  "check the target region": 1,
  "clear what an earlier try left": 1,
  "bring the replica to the point": 4,
  "create disks and network interfaces": 6,
  "rebuild from the journal": 8,
  "tidy up": 1,
  "create the virtual machine": 3,
  "wait until it runs": 3,
};

/** A virtual machine that does not run by then is a failure to be looked at, and so is a VM agent that says nothing. */
const START_PATIENCE_SECONDS = 15 * 60;
/** Characters of a refusal that are told on. */
const MOST_REFUSED = 1000;
/** Refusals that another size may be spared, in Azure's words: no room, no right to it, no quota. */
const SIZE_REFUSED =
  /\b(?:(?:Zonal|Overconstrained|OverconstrainedZonal)?Allocation(?:Failed|Request)|SkuNotAvailable|QuotaExceeded|exceeding approved .* quota)\b/i;

/** The job that builds, and what of which point. */
interface Scene {
  readonly context: OrchestrationContext;
  readonly steps: JobSteps;
  readonly at: AtPoint;
}

/** Carries a plan out, step by step: a failover's, or a test failover's. */
export function* buildTarget(scene: Scene, plan: readonly FailoverStep[]): Generator<Task, void, never> {
  // Plans of an older Leeward did not ask the region, and histories hold what followed.
  const asks = plan.some((step) => step.do === "fit");
  for (const { name, part } of stagesOf(plan)) {
    if (importsOf(part).length > 0) {
      yield* imports(scene, name, part);
      continue;
    }
    const work = stage(scene, part);
    const builds = asks && part.some((step) => step.do === "vm");
    yield* scene.steps.run(name, builds ? withOffer(scene, work) : work);
  }
}

/** Disks of the replica, and what is asked for with them; rebuilt from the journal where that avoids what went wrong. */
function* imports(
  scene: Scene,
  name: StageName,
  part: readonly FailoverStep[],
): Generator<Task, void, never> {
  const { context, steps, at } = scene;
  const asked = part.flatMap((step) => {
    const doing = doingOf(scene, step);
    return "send" in doing ? [{ step, send: doing.send }] : [];
  });
  const refused = yield* steps.attempt(name, imported(context, asked));
  if (!refused) return;
  const uploads = importsOf(part).map(({ disk }) => call(context, "createUploadDisk", { ...at, disk }));
  yield* steps.run("give up the import", givingUp(context, at, part, refused));
  yield* steps.run("create disks to rebuild into", armOperations(context, uploads));
  yield* steps.run("rebuild from the journal", inTurns(scene, "restoreDisks"));
}

/** A region says only when it is asked whether it has room: then what would do is said with the refusal. */
function* withOffer(
  { context, at }: Scene,
  work: Generator<Task, void, never>,
): Generator<Task, void, never> {
  try {
    yield* work;
  } catch (error) {
    const { code, message } = decodeFailure(error);
    if (code !== "ArmFailed" || !SIZE_REFUSED.test(message)) throw error;
    yield* call(context, "offerSizes", { ...at, refused: message.slice(0, MOST_REFUSED) });
  }
}

type StageName = keyof typeof BUILD_WEIGHTS | "make the isolated network";

const STAGE_OF: Record<FailoverStep["do"], StageName> = {
  fit: "check the target region",
  clear: "clear what an earlier try left",
  reset: "clear what an earlier try left",
  guard: "make the isolated network",
  network: "make the isolated network",
  checkpoint: "bring the replica to the point",
  import: "create disks and network interfaces",
  upload: "create disks and network interfaces",
  nic: "create disks and network interfaces",
  restore: "rebuild from the journal",
  vm: "create the virtual machine",
  boot: "wait until it runs",
  running: "wait until it runs",
  discard: "tidy up",
  drop: "tidy up",
};

/** The plan's steps in order, those of one kind together: what a person reads as one step. */
function stagesOf(steps: readonly FailoverStep[]): { name: StageName; part: FailoverStep[] }[] {
  const stages: { name: StageName; part: FailoverStep[] }[] = [];
  for (const step of steps) {
    const name = STAGE_OF[step.do];
    const last = stages.at(-1);
    if (last?.name === name) last.part.push(step);
    else stages.push({ name, part: [step] });
  }
  return stages;
}

/** What only asks ARM for something is asked together; the rest goes one by one. */
function* stage(scene: Scene, part: readonly FailoverStep[]): Generator<Task, void, never> {
  const doings = part.map((step) => doingOf(scene, step));
  yield* armOperations(
    scene.context,
    doings.flatMap((doing) => ("send" in doing ? [doing.send] : [])),
  );
  for (const doing of doings) if ("work" in doing) yield* doing.work;
}

type Doing =
  | { readonly send: Generator<Task, ArmSent, never> }
  | { readonly work: Generator<Task, unknown, never> };

function doingOf(scene: Scene, step: FailoverStep): Doing {
  const { context, at } = scene;
  const copy: Copy = { machine: at.machine, ...(at.test && { test: at.test }) };
  switch (step.do) {
    case "fit":
      return { work: call(context, "checkFit", at) };
    case "clear":
      return { send: call(context, "clearVm", at) };
    case "boot":
      return { work: booted(context, copy, at.point) };
    case "reset":
      return { send: call(context, "clearDisk", { ...at, disk: step.disk, road: step.road }) };
    case "drop":
      return { send: call(context, "dropDisk", { machine: at.machine, point: step.point, disk: step.disk }) };
    case "guard":
      return { work: armOperation(context, "createTestGuard", copy) };
    case "network":
      return { work: armOperation(context, "createTestNetwork", copy) };
    case "checkpoint":
      return { work: inTurns(scene, "checkpointTo") };
    case "import":
      return { send: call(context, "importDisk", { ...at, disk: step.disk }) };
    case "upload":
      return { send: call(context, "createUploadDisk", { ...at, disk: step.disk }) };
    case "restore":
      return { work: inTurns(scene, "restoreDisks") };
    case "nic":
      return { send: call(context, "createNic", { ...copy, nic: step.nic }) };
    case "vm":
      return { send: call(context, "createVm", at) };
    case "running":
      return { work: running(context, copy, at.point) };
    case "discard":
      return { work: call(context, "deletePromoted", { ...at, disk: step.disk }) };
  }
}

/** What grows with the disks: each turn is kept, so that a kill costs one of them, and the job shows how far it is. */
function* inTurns(
  { context, steps, at }: Scene,
  name: "checkpointTo" | "restoreDisks",
): Generator<Task, void, never> {
  let first: { readonly done: number; readonly at: number } | undefined;
  for (;;) {
    const turn = yield* call(context, name, at);
    if (!turn?.more) return;
    const { done, total } = turn;
    first ??= { done, at: replayedNow(context) };
    const rate = (done - first.done) / Math.max(secondsSince(context, first.at), 1);
    steps.show({ done, total, rate, ...(rate > 0 && { etaSeconds: Math.round((total - done) / rate) }) });
  }
}

function* running(context: OrchestrationContext, copy: Copy, point: BarrierId): Generator<Task, void, never> {
  const start = replayedNow(context);
  for (let round = 0; ; round++) {
    const vm = yield* call(context, "observeVm", copy);
    if (vm.running) return;
    if (secondsSince(context, start) > START_PATIENCE_SECONDS)
      throw new LeewardError("TimedOut", `the virtual machine built from point ${point} does not run`);
    yield* sleep(context, pollWait(round, millis(10_000)));
  }
}

/** Until it runs and has what is waited for. What its console says is kept however it ends. */
function* booted(context: OrchestrationContext, copy: Copy, point: BarrierId): Generator<Task, void, never> {
  const start = replayedNow(context);
  for (let round = 0; ; round++) {
    const view = yield* call(context, "observeBoot", copy);
    const late = secondsSince(context, start) > START_PATIENCE_SECONDS;
    if (view.started || late) {
      const { said } = yield* call(context, "readBoot", copy);
      if (view.started) return;
      throw new LeewardError("TimedOut", lateWords(point, view, said));
    }
    yield* sleep(context, pollWait(round, millis(10_000)));
  }
}

const lateWords = (point: BarrierId, { running, seen }: BootView, said: string): string =>
  `the virtual machine built from point ${point} ${running ? "runs, but has not started" : "does not run"}` +
  ` after ${START_PATIENCE_SECONDS / 60} minutes: ${seen}${said === "" ? "" : `; its console ends with: ${said}`}`;
