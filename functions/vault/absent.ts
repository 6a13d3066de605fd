import type { HttpMethod } from "@azure/functions";
import { OPERATIONS, type Operation, placeOf } from "../../engine/contract/site-recovery.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type Call, ROUTES, route } from "../http.ts";
import { PATHS } from "../paths.ts";

/*
 * What Site Recovery has for other kinds of protection. There is none of it here, and that is what is answered: an empty list, or
 * that there is no such thing. The least of all routes, so that it takes only what no other does.
 */

for (const method of ["GET", "PUT", "PATCH", "POST", "DELETE"] as const satisfies HttpMethod[])
  route(
    `absent${method}`,
    { method, path: `${PATHS.vault}/{*rest}`, role: "Reader", versioned: true },
    async (call) => answerTo(call, method),
  );

async function answerTo({ request }: Call, method: HttpMethod) {
  const { pathname } = new URL(request.url);
  const asked = OPERATIONS.find((one) => one.method === method && matches(one, pathname));
  if (asked?.isList) return { jsonBody: { value: [], nextLink: null } };
  const why = asked ? `Leeward has no ${asked.name}` : "there is nothing at this path";
  throw new LeewardError("NotFound", `${why}: ${method} ${pathname.slice(0, 300)}`);
}

function matches({ path }: Operation, pathname: string): boolean {
  const [parts, given] = [path.split("/"), pathname.replaceAll(/^\/|\/$/g, "").split("/")];
  return (
    parts.length === given.length &&
    parts.every((part, at) => part.startsWith("{") || part.toLowerCase() === given[at]?.toLowerCase())
  );
}

/** Whether the operation is one that the app does, and does not only say that there is none. */
export const isServed = (operation: Operation): boolean =>
  [...ROUTES.values()].some((one) => placeOf(one) === placeOf(operation));
