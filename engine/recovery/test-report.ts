import { z } from "zod";
import { armId, barrierId, operationId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { generation, micros, sequence } from "../core/units.ts";
import { journalPosition } from "../journal/position.ts";
import { passedOver } from "./passed-over.ts";
import { removed } from "./removed.ts";
import { buildWish } from "./build-wish.ts";
import { TEST_STATES } from "./state.ts";
import { targetBuild } from "./target-build.ts";
import { wantedMoment } from "./wanted-moment.ts";
import { stepFailure } from "./step-failure.ts";

const arm = z.string().transform(checked(armId));
const time = z.number().transform(checked(micros));
const point = z.string().transform(checked(barrierId));
const operation = z.string().transform(checked(operationId));
const road = z.enum(["import", "upload"]);

const testNetwork = z.discriminatedUnion("kind", [
  /** One of ours, made for the test: `isolated` lets its members talk to each other, `sealed` lets nobody talk. */
  z.object({ kind: z.enum(["isolated", "sealed"]) }),
  /** The user's own. */
  z.object({ kind: z.literal("named"), id: arm }),
]);
export type TestNetwork = z.infer<typeof testNetwork>;

/** Where a test is built: fixed when it is asked for, so that a clean-up finds all of it whatever the item became. */
const testPlace = z.object({
  resourceGroup: arm,
  vm: arm,
  network: arm,
  /** In the order of the source's. */
  nics: z.array(z.object({ name: z.string(), subnet: arm })),
});
export type TestPlace = z.infer<typeof testPlace>;

/** The state of the disks that a test is built from, and how. */
const chosen = z.object({
  point,
  pointTime: time,
  generation: z.number().transform(checked(generation)),
  sequence: z.number().transform(checked(sequence)),
  consistency: z.enum(["crash", "application"]),
  road,
  /** Set when `point` is no recovery point but names the state after any write. */
  position: journalPosition.optional(),
  passedOver: passedOver.optional(),
});
export type TestChoice = z.infer<typeof chosen>;

/** A test failover from its request to the end of its clean-up. */
export const testReport = z.object({
  state: z.enum(TEST_STATES),
  /** The newest job: of the making, or of the clean-up. */
  job: z.object({
    operation,
    kind: z.enum(["testFailover", "testFailoverCleanup"]),
    startTime: time,
    ended: z.boolean(),
    /** The user's, about the test. */
    comments: z.string().optional(),
  }),
  /** What was asked for; neither is the newest good point. */
  point: point.optional(),
  moment: wantedMoment.optional(),
  /** How it is built, in place of what the protection has settled. */
  build: buildWish.optional(),
  /** It is cleaned up by itself once its making has ended, and leaves a verdict. */
  drill: z.boolean().optional(),
  /** An earlier try failed, and what it made may be there. */
  again: z.boolean().optional(),
  network: testNetwork,
  place: testPlace,
  chosen: chosen.optional(),
  ...targetBuild.shape,
  /** Of the job that made it. */
  operation,
  startTime: time,
  endTime: time.optional(),
  /** From the request to the running machine. */
  rtoSeconds: z.number().optional(),
  /** What clean-ups have deleted, and what is not ours and stays: of all of them, since each finds less. */
  removed: removed.optional(),
  failure: stepFailure.optional(),
  /** Why it could not be made, while it is cleaned up. */
  makingFailure: stepFailure.optional(),
});
export type TestReport = z.infer<typeof testReport>;

/** The last test that succeeded and was cleaned up. */
export const formerTest = z.object({
  operation,
  point,
  pointTime: time,
  road,
  startTime: time,
  endTime: time,
  rtoSeconds: z.number(),
  cleanup: operation,
  cleanedTime: time,
  comments: z.string().optional(),
});
