import { isDeepStrictEqual } from "node:util";
import { LeewardError } from "../core/errors.ts";
import type { BarrierId, OperationId } from "../core/ids.ts";
import type { Micros } from "../core/units.ts";
import type { BuildWish } from "./build-wish.ts";
import { withVerdict } from "./drill-verdict.ts";
import { type ItemRecord, lastSegment } from "./item.ts";
import { type ItemJob, operationFor } from "./job.ts";
import { STATES, TESTS } from "./state.ts";
import type { TestNetwork, TestReport } from "./test-report.ts";
import { testOf, testPlaceOf } from "./test-target.ts";
import type { WantedMoment } from "./wanted-moment.ts";

/** What a test failover was asked for with. */
interface AskedTest {
  readonly now: Micros;
  readonly token?: string | undefined;
  readonly point?: BarrierId | undefined;
  readonly moment?: WantedMoment | undefined;
  readonly build?: BuildWish | undefined;
  /** It is to be cleaned up by itself, and to leave a verdict. */
  readonly drill?: true | undefined;
  /** The network that was named, or what kind of our own; what a failed test had when absent. */
  readonly network?: TestNetwork | undefined;
  /** Of the network that was named. */
  readonly subnets?: readonly string[] | undefined;
}

/**
 * The item once its test failover has begun. Nothing but the test changes: neither state nor generation. A test that failed
 * is tried again where it stands; it keeps its point and its network. A drill that is tried again is a test like any other from
 * then on, since somebody wants to see it; a test never becomes a drill.
 * @throws Conflict while a job of the test, or one of the item, is at work; StateNotAllowed; InvalidRequest
 */
export function beginTest(old: ItemRecord, asked: AskedTest): ItemRecord {
  const name = lastSegment(old.id);
  const { test, formerTest: former, drills = [] } = old;
  const operation = testOperation(old, asked);
  if ([test, former, ...drills].some((each) => each?.operation === operation)) return old;
  checkIdle(old);
  const { busy, allowed } = STATES[old.state];
  if (busy)
    throw new LeewardError("Conflict", `job ${old.job.operation} (${old.job.kind}) is at work on ${name}`);
  if (!allowed.includes("TestFailover"))
    throw new LeewardError("StateNotAllowed", `${name} is ${old.state}: TestFailover is not possible`);
  if (!TESTS[test?.state ?? "none"].allowed.includes("TestFailover") || (test && asked.drill))
    throw new LeewardError("StateNotAllowed", `${name} has a test already: clean it up first`);
  const begun = { operation, startTime: asked.now, state: "making" as const };
  const job = { operation, kind: "testFailover" as const, startTime: asked.now, ended: false };
  if (test) return { ...old, test: { ...again(old, asked), ...begun, job } };
  const network = asked.network ?? { kind: "isolated" };
  const place = testPlaceOf(old, network, asked.subnets);
  const wanted = {
    ...(asked.point && { point: asked.point }),
    ...(asked.moment && { moment: asked.moment }),
    ...(asked.build && { build: asked.build }),
    ...(asked.drill && { drill: asked.drill }),
  };
  return { ...old, test: { ...begun, job, ...wanted, network, place } };
}

/** Of the job that makes the test. What failed and was cleaned up is in no record, so only the time tells such tests apart. */
export function testOperation(
  { id, test, formerTest: former, job }: ItemRecord,
  { token, now }: Pick<AskedTest, "token" | "now">,
): OperationId {
  const last = test?.job.operation ?? former?.cleanup ?? job.operation;
  return operationFor(id, "testFailover", token ?? `after ${last} at ${now}`);
}

/** What is there of a failed test stays, so nothing that it was made by may change but the size of the machine. @throws Conflict */
function again(
  old: ItemRecord,
  { point, moment, network, build }: AskedTest,
): Omit<TestReport, "failure" | "drill"> {
  const { failure: _, drill: __, ...test } = testOf(old);
  const same =
    (point === undefined || point === (test.chosen?.point ?? test.point)) &&
    (moment === undefined || isDeepStrictEqual(moment, test.moment)) &&
    (network === undefined || isDeepStrictEqual(network, test.network));
  // The size that an earlier try was given stays until another is named.
  const { size } = test.build ?? {};
  const wished = { ...(size !== undefined && { size }), ...build };
  if (same) return { ...test, again: true, ...(Object.keys(wished).length > 0 && { build: wished }) };
  throw new LeewardError(
    "Conflict",
    `a test of ${lastSegment(old.id)} with another point or network failed and is still there: clean it up first`,
  );
}

interface AskedCleanup {
  readonly now: Micros;
  readonly token?: string | undefined;
  /** The user's, about the test. */
  readonly comments?: string | undefined;
}

/**
 * The item once the clean-up of its test has begun. An item without a test is as it should be.
 * @throws Conflict while a job of the test is at work; StateNotAllowed when there never was one
 */
export function beginTestCleanup(old: ItemRecord, asked: AskedCleanup): ItemRecord {
  const { test, formerTest: former } = old;
  const last = test?.job.operation ?? "none";
  const operation = operationFor(old.id, "testFailoverCleanup", asked.token ?? `after ${last}`);
  if (test?.job.operation === operation || former?.cleanup === operation) return old;
  if (!test)
    throw new LeewardError(
      "StateNotAllowed",
      `${lastSegment(old.id)} has no test: TestFailoverCleanup is not possible`,
    );
  checkIdle(old);
  const { failure, ...rest } = test;
  const comments = asked.comments ?? test.job.comments;
  const job = {
    operation,
    kind: "testFailoverCleanup" as const,
    startTime: asked.now,
    ended: false,
    ...(comments !== undefined && { comments }),
  };
  const makingFailure = test.state === "failed" ? failure : test.makingFailure;
  return { ...old, test: { ...rest, state: "cleaning", job, ...(makingFailure && { makingFailure }) } };
}

/** @throws Conflict */
function checkIdle({ id, test }: ItemRecord): void {
  if (!test || !TESTS[test.state].busy) return;
  const { operation, kind } = test.job;
  throw new LeewardError("Conflict", `job ${operation} (${kind}) is at work on ${lastSegment(id)}`);
}

/** The record of the newest job of the item's test as it begins. */
export function testJobOf(item: ItemRecord): ItemJob {
  const { job, point, moment, drill } = testOf(item);
  const wanted = job.kind === "testFailover" ? { point, moment, ...(drill && { drill }) } : {};
  const said = job.comments === undefined ? {} : { comments: job.comments };
  return {
    format: 1,
    operation: job.operation,
    kind: job.kind,
    item: item.id,
    machine: item.machine,
    ...wanted,
    ...said,
    state: "InProgress",
    startTime: job.startTime,
    steps: [],
  };
}

/** How a job of a test ended. */
interface TestEnd {
  readonly operation: string;
  readonly steps: readonly { readonly name: string; readonly endTime?: string | undefined }[];
  readonly failure?: TestReport["failure"];
}

/** The item behind the end of a job of its test. A second run finds it moved on and leaves it as it is. */
export function withTestEnded(item: ItemRecord, end: TestEnd, now: Micros): ItemRecord {
  const { test, ...rest } = item;
  if (test?.job.operation !== end.operation || test.job.ended) return item;
  const job = { ...test.job, ended: true };
  const making = job.kind === "testFailover";
  if (end.failure)
    return {
      ...rest,
      test: { ...test, job, state: making ? "failed" : "cleanupFailed", failure: end.failure },
    };
  if (making)
    return { ...rest, test: { ...test, job, state: "ready", endTime: now, ...timed(test, end, now) } };
  const drills = test.drill && [...withVerdict(rest.drills ?? [], test, now)];
  return { ...rest, ...former(test, now), ...(drills && { drills }) };
}

/** The step behind which the machine runs: what comes after it nobody waits for. */
const RUNNING_STEP = "wait until it runs";

function timed({ startTime }: TestReport, { steps }: TestEnd, now: Micros): { rtoSeconds: number } {
  const ran = steps.findLast(({ name }) => name === RUNNING_STEP)?.endTime;
  const until = ran === undefined ? now : Date.parse(ran) * 1000;
  return { rtoSeconds: Math.max(until - startTime, 0) / 1e6 };
}

function former(test: TestReport, now: Micros): Pick<ItemRecord, "formerTest"> {
  const { operation, chosen, startTime, endTime, rtoSeconds, job } = test;
  if (!chosen || endTime === undefined || rtoSeconds === undefined) return {};
  const { point, pointTime, road } = chosen;
  return {
    formerTest: {
      operation,
      point,
      pointTime,
      road,
      startTime,
      endTime,
      rtoSeconds,
      cleanup: job.operation,
      cleanedTime: now,
      ...(job.comments !== undefined && { comments: job.comments }),
    },
  };
}
