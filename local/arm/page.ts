import { ArmError } from "./arm-error.ts";
import type { Box } from "./box.ts";
import type { Reply } from "./call.ts";

/**
 * Cuts a long list into pages. Resources come in the order of their ids and a page begins behind an id, so that nothing
 * is left out when something is deleted between two pages; other items are counted.
 */
export function paged(box: Box, reply: Reply, pathname: string, query: URLSearchParams): Reply {
  const { body } = reply;
  const token = query.get("$skiptoken");
  if (typeof body !== "object" || body === null || !("value" in body) || !Array.isArray(body.value))
    return reply;
  if (token === null && body.value.length <= box.config.pageSize) return reply;
  const items: { key: string; item: unknown }[] = body.value.map((item: unknown, index) => ({
    key: keyOf(item) ?? `#${String(index).padStart(9, "0")}`,
    item,
  }));
  const after = token === null ? "" : decoded(token);
  const rest = items
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .filter(({ key }) => key > after);
  const page = rest.slice(0, box.config.pageSize);
  const value = page.map(({ item }) => item);
  const last = page.at(-1);
  if (rest.length === page.length || !last) return { ...reply, body: { ...body, value } };
  const next = new URL(pathname, box.url);
  for (const [name, text] of query) next.searchParams.set(name, text);
  next.searchParams.set("$skiptoken", Buffer.from(last.key).toString("base64url"));
  return { ...reply, body: { ...body, value, nextLink: next.href } };
}

const keyOf = (item: unknown): string | undefined =>
  typeof item === "object" && item !== null && "id" in item && typeof item.id === "string"
    ? item.id.toLowerCase()
    : undefined;

function decoded(token: string): string {
  const text = Buffer.from(token, "base64url").toString();
  if (text.startsWith("/") || text.startsWith("#")) return text;
  throw new ArmError(400, "InvalidSkipToken", "The provided skip token is not valid.");
}
