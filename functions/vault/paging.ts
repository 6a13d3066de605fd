import type { HttpResponseInit } from "@azure/functions";
import { z } from "zod";
import { inParallel } from "../../engine/core/in-order.ts";
import type { Records } from "../../engine/recovery/records.ts";
import { type Call, checkInput } from "../http.ts";
import { linkTo } from "./page-token.ts";

/** Entries of a page where nobody says how many. */
const PAGE = 100;
/** Entries of a page that are looked at together. */
const AT_ONCE = 16;

const size = z.coerce.number().int().min(1).max(1000);

/** What a client may say of the page that it wants: ASR's clients say it in several ways. */
const query = z.object({
  skiptoken: z.string().max(2048).transform(decoded).optional(),
  top: size.optional(),
  take: size.optional(),
  taketoken: size.optional(),
});

/**
 * One page of a list, as it is shown, and the link to the next. Ascending by `keyOf`.
 * @throws InvalidRequest for a token that is none
 */
export async function pageOf<Entry, View>(
  call: Call,
  entries: readonly Entry[],
  keyOf: (entry: Entry) => string,
  view: (entry: Entry) => View | Promise<View>,
): Promise<HttpResponseInit> {
  return { jsonBody: await viewsOf(call, entries, keyOf, view) };
}

/** As `pageOf`, for who goes on with the page. @throws InvalidRequest for a token that is none */
export async function viewsOf<Entry, View>(
  call: Call,
  entries: readonly Entry[],
  keyOf: (entry: Entry) => string,
  view: (entry: Entry) => View | Promise<View>,
): Promise<Page<View>> {
  const { page, nextLink } = sliceOf(call, entries, keyOf, {});
  return { value: await inParallel(page, AT_ONCE, async (entry) => view(entry)), nextLink };
}

/**
 * What of a list is on the page that was asked for, in the order of their keys. A page begins behind the key of the last entry of the one before, so that
 * nothing is left out or comes twice when others are made or go meanwhile.
 * @param most entries of a page that are given whatever is asked for, and where nothing is
 * @throws InvalidRequest for a token that is none
 */
export function sliceOf<Entry>(
  call: Call,
  entries: readonly Entry[],
  keyOf: (entry: Entry) => string,
  { descending = false, most }: { readonly descending?: boolean; readonly most?: number },
): { readonly page: readonly Entry[]; readonly nextLink: string | null } {
  const { after, top } = pageIn(call);
  const isBehind = (key: string) => after === undefined || (descending ? key < after : key > after);
  const rest = entries
    .map((entry) => ({ entry, key: normal(keyOf(entry)) }))
    .filter(({ key }) => isBehind(key))
    .sort((a, b) => (a.key < b.key === descending ? 1 : -1));
  const page = rest.slice(0, Math.min(top ?? most ?? PAGE, most ?? Infinity));
  const last = page.at(-1);
  const more = last !== undefined && rest.length > page.length;
  return { page: page.map(({ entry }) => entry), nextLink: more ? linkBehind(call, last.key) : null };
}

export interface Page<View> {
  readonly value: readonly View[];
  readonly nextLink: string | null;
}

/** So many records at most are passed over for one page, since each has to be read. */
const PASSED_OVER = 20;

/**
 * One page of records in the order of their keys, of which no more is read than it takes, however many there are. Where many do
 * not match, a page has fewer than were asked for, or none, and leads on.
 * @throws InvalidRequest for a token that is none
 */
export async function pageOfRecords<Value, View>(
  call: Call,
  records: Pick<Records<Value>, "page">,
  matches: (value: Value) => boolean | Promise<boolean>,
  view: (value: Value) => View | Promise<View>,
): Promise<Page<View>> {
  const { after, top = PAGE } = pageIn(call);
  const found: Value[] = [];
  for (let at = after, passed = 0; ;) {
    // Where some did not match, more will not: as many again as were read. And one, to know whether there are more behind.
    const wanted = Math.max(top - found.length, found.length + passed) + 1;
    const read = await records.page(wanted, at);
    const fits = await Promise.all(read.map(async ({ value }) => matches(value)));
    let left = 0;
    for (const [n, { key, value }] of read.entries()) {
      if (found.length === top) {
        left = read.length - n;
        break;
      }
      at = key;
      if (fits[n]) found.push(value);
      else passed++;
    }
    const isEnd = read.length < wanted;
    if (!isEnd && found.length < top && passed < PASSED_OVER) continue;
    const more = left > 0 || (!isEnd && (await records.page(1, at)).length > 0);
    const value = await inParallel(found, AT_ONCE, async (entry) => view(entry));
    return { value, nextLink: more && at !== undefined ? linkBehind(call, at) : null };
  }
}

/** Ids compare without regard to case. */
const normal = (key: string): string => key.toLowerCase();

/** What page the request wants. @throws InvalidRequest */
function pageIn({ request }: Pick<Call, "request">): { after: string | undefined; top: number | undefined } {
  const given = [...request.query].map(
    ([name, value]) => [name.replace("$", "").toLowerCase(), value] as const,
  );
  const { skiptoken: after, top, take, taketoken } = checkInput(query, Object.fromEntries(given));
  return { after, top: top ?? take ?? taketoken };
}

const linkBehind = (call: Pick<Call, "request" | "services">, key: string): string =>
  linkTo(call, Buffer.from(key).toString("base64url"));

function decoded(token: string, context: z.RefinementCtx): string {
  const key = Buffer.from(token, "base64url").toString("utf8");
  if (key !== "" && Buffer.from(key).toString("base64url") === token) return key;
  context.addIssue({ code: "custom", message: "not a token of a page before", input: token });
  return z.NEVER;
}
