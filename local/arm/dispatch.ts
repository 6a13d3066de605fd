import { ArmError } from "./arm-error.ts";
import { refuseLocked } from "./authorization/lock.ts";
import { requireRights } from "./authorization/role.ts";
import { type ArmPath, armPath } from "./arm-path.ts";
import type { Seed } from "./box-config.ts";
import type { Box } from "./box.ts";
import type { Call, Family, Reply } from "./call.ts";
import { route } from "./families.ts";
import { paged } from "./page.ts";
import { checkName } from "./network/name.ts";
import { groupAt } from "./resources/resource-group.ts";

export interface Request {
  readonly method: string;
  readonly pathname: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly ifNoneMatch?: string | undefined;
  readonly ifMatch?: string | undefined;
  /** Whose rights count. The simulator's own calls, for its seed and for polls, need none. */
  readonly principal?: string | undefined;
  readonly seed?: Seed;
}

/** An authenticated ARM call, to its answer. @throws ArmError: nothing has changed then. */
export async function dispatch(box: Box, request: Request): Promise<Reply & { readonly apiVersion: string }> {
  const path = armPath(request.pathname);
  const version = apiVersion(request.query);
  if (path.subscription.toLowerCase() !== box.config.subscription.toLowerCase())
    throw new ArmError(
      404,
      "SubscriptionNotFound",
      `The subscription '${path.subscription}' could not be found.`,
    );
  const { family, handler } = route(request.method, path);
  supported(family, version);
  if (request.principal !== undefined)
    requireRights(box, request.principal, request.method, path, request.body);
  if (path.group !== undefined && family.type !== "Microsoft.Resources/resourceGroups") groupAt(box, path);
  if (request.method === "PUT") checkName(path);
  refuseLost(box, family, path, request.body);
  if (request.method !== "GET") refuseBusy(box, path.id);
  if (!request.seed) refuseLocked(box, request.method, path);
  refuseChanged(box, family, path, request.ifMatch);
  const call: Call = { ...request, box, path: listed(path), apiVersion: version };
  const reply = await handler(call);
  const whole = request.method === "GET" ? paged(box, reply, request.pathname, request.query) : reply;
  return { ...whole, apiVersion: version };
}

function apiVersion(query: URLSearchParams): string {
  const version = query.get("api-version");
  if (!version)
    throw new ArmError(
      400,
      "MissingApiVersionParameter",
      "The api-version query parameter (?api-version=) is required for all requests.",
    );
  if (!/^\d{4}-\d{2}-\d{2}(-preview)?$/.test(version))
    throw new ArmError(400, "InvalidApiVersionParameter", `The api-version '${version}' is invalid.`);
  return version;
}

/** Newer versions than the one that was modelled are answered like it. */
function supported(family: Family, version: string): void {
  if (version >= family.since) return;
  throw new ArmError(
    400,
    "NoRegisteredProviderFound",
    `No registered resource provider found for API version '${version}' for type '${family.type}'. The supported api-versions are '${family.since}' and later.`,
  );
}

/** A region that is lost does not answer for what is in it, nor take anything new. */
function refuseLost(box: Box, family: Family, path: ArmPath, body: unknown): void {
  const region = regionAt(box, family, path, body);
  if (family.type !== "Microsoft.Resources/resourceGroups" && box.state.lost.has(region))
    throw new ArmError(503, "ServiceUnavailable", `Region ${region} does not answer.`);
}

/** @throws ArmError 412 when the resource is another than the caller saw. */
function refuseChanged(box: Box, family: Family, path: ArmPath, ifMatch: string | undefined): void {
  if (ifMatch === undefined || ifMatch === "*") return;
  const found = family.find?.(box, path.id);
  const etag = found && "etag" in found ? found.etag : undefined;
  if (etag !== ifMatch)
    throw new ArmError(
      412,
      "PreconditionFailed",
      `Precondition failed. If-Match: ${ifMatch} differs from the current ETag of ${path.id}.`,
    );
}

/** Where the call is carried out: where its resource is, or shall be. */
function regionAt(box: Box, family: Family, path: ArmPath, body: unknown): string {
  const wanted =
    typeof body === "object" && body !== null && "location" in body
      ? String(body.location).toLowerCase()
      : "";
  const operation = box.state.operations.all().find(({ id }) => id === path.name);
  return family.find?.(box, path.id)?.location ?? operation?.location ?? wanted;
}

/** The same for a call that nobody has looked at yet; empty for what is in no region, or is nonsense. */
export function regionOfCall(box: Box, { method, pathname, body }: Request): string {
  try {
    const path = armPath(pathname);
    return regionAt(box, route(method, path).family, path, body);
  } catch {
    return "";
  }
}

function refuseBusy(box: Box, id: string): void {
  const operation = box.operations.busy(id);
  if (operation)
    throw new ArmError(
      409,
      "AnotherOperationInProgress",
      `Another operation on ${id} is in progress: ${operation.id}.`,
    );
}

/** A collection below the subscription lists what is in all groups. */
const listed = (path: ArmPath): ArmPath =>
  path.tail !== undefined && path.group === undefined && path.type === path.namespace
    ? { ...path, id: `/subscriptions/${path.subscription}` }
    : path;
