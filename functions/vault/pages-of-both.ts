import type { HttpResponseInit } from "@azure/functions";
import { z } from "zod";
import { hasCode } from "../../engine/core/errors.ts";
import { BRIEF_MS, forwarded, isForwarded } from "../forward.ts";
import type { Call } from "../http.ts";
import { linkTo, tokenIn, withToken } from "./page-token.ts";
import type { Page } from "./paging.ts";

/** A page that is of the other app's list: its own token follows, if it has one. Base64url knows no point. */
const THERE = "peer.";

/**
 * A list that goes on in the other region's app: behind this app's last page come the other one's, through this app. Where it
 * does not answer, the list ends; the vault's health says so.
 * @param own one page of this app's
 */
export async function pagesOfBoth<View>(
  call: Call,
  own: () => Promise<Page<View>>,
): Promise<HttpResponseInit> {
  const { request, services } = call;
  if (services.settings.peerUrl === undefined || isForwarded(request)) return { jsonBody: await own() };
  const token = tokenIn(request.query);
  if (token?.startsWith(THERE)) return pageThere(call, token.slice(THERE.length));
  const page = await own();
  return { jsonBody: { ...page, nextLink: page.nextLink ?? linkTo(call, THERE) } };
}

const page = z.object({ value: z.array(z.unknown()), nextLink: z.string().nullish() });

async function pageThere(call: Call, token: string): Promise<HttpResponseInit> {
  const query = withToken(call.request.query, token);
  const answer = await forwarded(call, { query, patience: BRIEF_MS }).catch((error: unknown) => {
    if (hasCode(error, "PeerUnreachable")) return undefined;
    throw error;
  });
  const text = answer?.body;
  if (answer?.status !== 200 || typeof text !== "string") return { jsonBody: { value: [], nextLink: null } };
  const { value, nextLink } = page.parse(JSON.parse(text));
  const next = nextLink ? tokenIn(new URL(nextLink).searchParams) : undefined;
  return { jsonBody: { value, nextLink: next === undefined ? null : linkTo(call, `${THERE}${next}`) } };
}
