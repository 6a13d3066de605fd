import type { HttpRequest, HttpResponseInit } from "@azure/functions";
import type { z } from "zod";
import { intentRequest } from "../engine/contract/protection-intent.ts";
import { switchProtectionRequest } from "../engine/contract/switch-protection.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, armId, operationId, sameArmId } from "../engine/core/ids.ts";
import { resourceKey } from "../engine/recovery/resource-key.ts";
import { isGivenAway } from "../engine/recovery/reversal.ts";
import { lookUp } from "./find-item.ts";
import { forwarded, isForwarded } from "./forward.ts";
import type { Call, Route } from "./http.ts";
import { PATHS, containerIn, intentIn, itemIn } from "./paths.ts";
import { limitedBody } from "./request-body.ts";
import type { Services } from "./services.ts";

/*
 * A vault that two apps serve, one per region, has one address for its clients, whichever of the two it is: what only the other
 * app has is asked of that one. It checks the token and the role again, as everything that it is asked.
 */

/**
 * The other app's answer to a call about an item or a job that it has and this one has not; undefined where this app answers.
 * @throws PeerUnreachable
 */
export async function answerOfPeer(
  call: Call,
  { method, path }: Route,
): Promise<HttpResponseInit | undefined> {
  if (call.services.settings.peerUrl === undefined || isForwarded(call.request)) return undefined;
  if (method === "PUT" && path === PATHS.item) return (await isOfPeer(call)) ? forwarded(call) : undefined;
  if (method === "PUT" && path === PATHS.intent)
    return (await leadsThere(call)) ? forwarded(call) : undefined;
  return (await isUnknown(call, path)) ? forwarded(call) : undefined;
}

/** Whether the call is about one item or one job, and this app has no such one. */
async function isUnknown(call: Call, path: string): Promise<boolean> {
  const { request, services } = call;
  // A job's operation decides before the item does: at the turn of a machine the other app begins it.
  const job = call.param("operation") || call.param("job");
  if (job) return JOB_PATHS.some((one) => path.startsWith(one)) && !(await hasJob(services, job));
  if (path === SWITCH) return isUnknownItem(services, await itemToSwitch(request));
  if (path === PATHS.intent) return !(await services.records.intents.get(resourceKey(intentIn(request))));
  return isBelow(path, PATHS.item) && isUnknownItem(services, itemIn(request));
}

const SWITCH = `${PATHS.container}/switchprotection`;
const JOB_PATHS = [
  `${PATHS.vault}/replicationJobs/{`,
  `${PATHS.vault}/replicationOperationStatus/`,
  `${PATHS.item}/`,
];

const isBelow = (path: string, parent: string) => path === parent || path.startsWith(`${parent}/`);

/** One that was given away under the id that it has here is the other app's as well. */
async function isUnknownItem(services: Services, item: ArmId | undefined): Promise<boolean> {
  if (item === undefined) return false;
  const found = (await lookUp(services, item))?.value;
  return !found || (isGivenAway(found) && sameArmId(found.reversal?.id ?? "", item));
}

/** One of a malformed name is nowhere: this app says so. */
async function hasJob({ records }: Services, name: string): Promise<boolean> {
  try {
    return (await records.jobs.get(operationId(name.toLowerCase()))) !== undefined;
  } catch (error) {
    if (error instanceof RangeError) return true;
    throw error;
  }
}

/** An app protects into its own region alone. */
async function leadsThere({ request, services }: Call): Promise<boolean> {
  const asked = await bodyIn(request, intentRequest);
  const to = asked?.properties.providerSpecificDetails.recoveryLocation;
  return to !== undefined && to !== services.settings.region;
}

/** Undefined where the body does not say it as it should: this app's own answer says what is wrong. */
async function bodyIn<Schema extends z.ZodType>(
  request: HttpRequest,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  return schema.safeParse(jsonIn((await limitedBody(request.clone())).toString("utf8"))).data;
}

async function itemToSwitch(request: HttpRequest): Promise<ArmId | undefined> {
  const asked = await bodyIn(request, switchProtectionRequest);
  if (!asked) return undefined;
  const { replicationProtectedItemName: name } = asked.properties;
  try {
    return armId(`${containerIn(request)}/replicationProtectedItems/${name}`);
  } catch {
    return undefined;
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Whether an item that is put is one of the other app's. A new one is made where it is asked for, but not unseen: two apps that
 * protect one machine would take its agent from each other.
 */
async function isOfPeer(call: Call): Promise<boolean> {
  if (!(await isUnknownItem(call.services, itemIn(call.request)))) return false;
  const { status = 200 } = await forwarded(call, { method: "GET" });
  if (status === 404) return false;
  if (status === 200) return true;
  throw new LeewardError(
    "PeerUnreachable",
    `it answered ${status} to the question whether the item is its own`,
  );
}
