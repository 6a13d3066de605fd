import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { messageOf } from "../../engine/core/errors.ts";
import { ArmError, envelope } from "./arm-error.ts";
import { authorize } from "./authorize.ts";
import { administer } from "./box/admin.ts";
import type { Box } from "./box.ts";
import { CONSOLES } from "./compute/boot-diagnostics.ts";
import type { Reply } from "./call.ts";
import { type Request, dispatch, regionOfCall } from "./dispatch.ts";
import { pollHeaders } from "./operation-status.ts";
import { openIdDocument } from "./tokens/endpoints.ts";

const MAX_BODY = 4 * 1024 * 1024;

/** Everything that comes over https: disk bytes, the box's own endpoint, OpenID documents, and ARM. */
export async function answerArm(box: Box, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = standardHeaders(request);
  try {
    const url = urlOf(request, box.url);
    if (url.pathname.startsWith("/md-")) await box.diskSas.serve(request, response, url);
    else if (url.pathname.startsWith(CONSOLES)) await box.bootDiagnostics.serve(request, response, url);
    else await answer(box, request, response, url, headers);
  } catch (error) {
    const refusal = refusalOf(error);
    send(response, refusal, { ...headers, ...refusal.headers });
  }
}

async function answer(
  box: Box,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  headers: Record<string, string>,
): Promise<void> {
  const method = request.method ?? "GET";
  const { authorization } = request.headers;
  const document = method === "GET" ? openIdDocument(box.issuer, box.url, url.pathname) : undefined;
  if (document) return send(response, document);
  const body = await jsonBody(request);
  if (url.pathname.startsWith("/box/"))
    return send(response, await administer(box, method, url.pathname, body, authorization));
  const asked = { method, url, headers: request.headers, body };
  const reply = await exchanged(box, asked, headers);
  if (!reply) return void response.destroy();
  send(response, reply, reply.headers);
}

/** An ARM request as it came, its body parsed. */
export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: Pick<IncomingHttpHeaders, "authorization" | "if-none-match" | "if-match">;
  readonly body: unknown;
}

/** An ARM call to its answer, whatever it came over; undefined when the connection breaks, as a fault may want it. */
export async function exchanged(
  box: Box,
  { method, url, headers: given, body }: Asked,
  headers: Readonly<Record<string, string>>,
): Promise<(Reply & { readonly headers: Record<string, string> }) | undefined> {
  const { pathname } = url;
  const query = lowerNames(url.searchParams);
  const { authorization, "if-none-match": ifNoneMatch, "if-match": ifMatch } = given;
  const asked = { method, pathname, query, body, ifNoneMatch, ifMatch };
  if (box.faults.drops(method, pathname)) return undefined;
  const reply = await carriedOut(box, asked, authorization).catch(refusalOf);
  if (method !== "GET") box.state.save();
  const all = { ...headers, ...reply.headers };
  box.observe?.({ ...asked, status: reply.status, headers: all, answer: reply.body });
  return box.faults.losesReply(method, pathname) ? undefined : { ...reply, headers: all };
}

async function carriedOut(box: Box, asked: Request, authorization: string | undefined): Promise<Reply> {
  const { method, pathname } = asked;
  const principal = await authorize(box, authorization);
  const left = box.throttle.admit({ principal, method, pathname, region: regionOfCall(box, asked) });
  const fault = box.faults.refusal(method, pathname);
  if (fault) throw fault;
  const { apiVersion, ...reply } = await dispatch(box, { ...asked, principal });
  return { ...reply, headers: { ...left, ...reply.headers, ...operationHeaders(box, reply, apiVersion) } };
}

/** What the caller gets to read of a failure. */
function refusalOf(error: unknown): Reply {
  const refusal =
    error instanceof ArmError ? error : new ArmError(500, "InternalServerError", messageOf(error));
  return {
    status: refusal.status,
    body: envelope(refusal.code, refusal.message),
    headers: { "x-ms-failure-cause": "gateway", ...refusal.headers },
  };
}

/** @throws ArmError 400 for what no URL parser takes. */
function urlOf(request: IncomingMessage, origin: string): URL {
  const target = request.url ?? "/";
  if (!URL.canParse(target, origin) || !target.startsWith("/") || target.startsWith("//"))
    throw new ArmError(400, "InvalidResourcePath", "The request's target is not a path.");
  return new URL(target, origin);
}

/** Answers in JSON; a body of undefined stays empty. */
export function send(
  response: ServerResponse,
  { status, body }: Reply,
  headers: Record<string, string> = {},
): void {
  const text = body === undefined ? "" : JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    ...(text && { "content-type": "application/json; charset=utf-8" }),
    ...(status !== 204 && { "content-length": Buffer.byteLength(text) }),
  });
  response.end(text);
}

function operationHeaders(box: Box, { operation }: Reply, apiVersion: string): Record<string, string> {
  return operation ? pollHeaders(box, operation.operation, operation.style, apiVersion) : {};
}

function standardHeaders(request: IncomingMessage): Record<string, string> {
  const id = randomUUID();
  const client = request.headers["x-ms-client-request-id"];
  return {
    "x-ms-request-id": id,
    "x-ms-correlation-request-id": id,
    "cache-control": "no-cache",
    ...(typeof client === "string" && { "x-ms-client-request-id": client }),
  };
}

/** ARM does not care about the case of query names. */
function lowerNames(query: URLSearchParams): URLSearchParams {
  const lower = new URLSearchParams();
  for (const [name, value] of query) lower.append(name.toLowerCase(), value);
  return lower;
}

async function jsonBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size > MAX_BODY)
      throw new ArmError(413, "RequestContentTooLarge", "The request content is too large.");
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (text === "") return undefined;
  if (!request.headers["content-type"]?.includes("json"))
    throw new ArmError(
      415,
      "UnsupportedMediaType",
      "The content media type is not supported. Only 'application/json' is supported.",
    );
  try {
    return JSON.parse(text);
  } catch {
    throw new ArmError(
      400,
      "InvalidRequestContent",
      "The request content was invalid and could not be deserialized.",
    );
  }
}
