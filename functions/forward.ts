import type { HttpRequest, HttpResponseInit } from "@azure/functions";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import type { Call } from "./http.ts";
import { limitedBody } from "./request-body.ts";
import { pathOf } from "./paths.ts";

/** Says that a request comes from the other region's app. Whoever bears it is answered here and now. */
const MARK = "x-leeward-forwarded";

export const isForwarded = (request: HttpRequest): boolean => request.headers.has(MARK);

/** Of what the client sent, this and no more: the token with which the other app decides for itself. */
const SENT = [
  "accept",
  "authorization",
  "content-type",
  "if-match",
  "if-none-match",
  "x-ms-client-request-id",
] as const;
const ANSWERED = ["content-type", "etag", "retry-after", "www-authenticate"] as const;
/** Absolute addresses, which lead to the app that is asked. */
const PLACES = ["azure-asyncoperation", "location"] as const;

/** Longer than the app lets any other wait before it answers a call of its own. */
const PATIENCE_MS = 100_000;
/** For what only adds to an answer that this app has already: nobody is kept waiting for a region that is gone. */
export const BRIEF_MS = 4_000;

export interface Asked {
  /** What is asked instead of what the client asked. */
  readonly method?: string;
  readonly query?: URLSearchParams;
  readonly patience?: number;
}

/**
 * The other app's answer to this request, as it is, but for addresses, which lead through this one.
 * @throws PeerUnreachable when there is none in time: what was asked for may have been begun
 */
export async function forwarded(call: Call, asked: Asked = {}): Promise<HttpResponseInit> {
  const { request, services } = call;
  const { peerUrl, publicUrl } = services.settings;
  if (peerUrl === undefined) throw new LeewardError("NotFound", "there is no app in another region");
  const method = asked.method ?? request.method;
  const body = method === "GET" || method === "DELETE" ? undefined : await limitedBody(request);
  // Put together again from names that were checked: it leads where the same route led here.
  const path = pathOf(request).split("/").map(encodeURIComponent).join("/");
  const target = `${peerUrl}${path}?${asked.query ?? request.query}`;
  const answer = await answerOf(target, {
    method,
    headers: headersOf(request),
    redirect: "manual",
    signal: AbortSignal.timeout(asked.patience ?? PATIENCE_MS),
    ...(body?.length && { body }),
  });
  const headers = answered(answer.headers, peerUrl, publicUrl);
  // A status without content takes not even an empty one.
  return { status: answer.status, headers, ...(answer.body !== "" && { body: answer.body }) };
}

function headersOf(request: HttpRequest): Headers {
  const headers = new Headers({ [MARK]: "1" });
  for (const name of SENT) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}

async function answerOf(target: string, init: RequestInit) {
  try {
    const answer = await fetch(target, init);
    // Read whole while the clock runs: a peer that dies in the middle has not answered.
    return { status: answer.status, headers: answer.headers, body: await answer.text() };
  } catch (error) {
    const { origin } = new URL(target);
    throw new LeewardError("PeerUnreachable", `${origin} did not answer: ${messageOf(error)}`, error);
  }
}

function answered(from: Headers, peer: string, here: string): Headers {
  const headers = new Headers();
  for (const name of ANSWERED) {
    const value = from.get(name);
    if (value !== null) headers.set(name, value);
  }
  for (const name of PLACES) {
    const value = from.get(name);
    if (value !== null) headers.set(name, throughHere(value, peer, here));
  }
  return headers;
}

/** The peer may be known to its clients by another name than to this app. */
function throughHere(address: string, peer: string, here: string): string {
  if (address.startsWith(`${peer}/`)) return `${here}${address.slice(peer.length)}`;
  const { pathname, search } = new URL(address, peer);
  return `${here}${pathname}${search}`;
}
