import type { HttpRequest } from "@azure/functions";
import { z } from "zod";
import { type Call, checkInput } from "./http.ts";

const paging = z.object({ $skipToken: z.coerce.number().int().nonnegative().default(0) });

/** How many entries of a list the pages before this one had. @throws InvalidRequest */
export const skipIn = (request: HttpRequest): number =>
  checkInput(paging, Object.fromEntries(request.query)).$skipToken;

/** The same list, behind so many entries; null when there are no more. */
export function nextLink({ request, services }: Call, skip: number, total: number): string | null {
  if (skip >= total) return null;
  const { pathname, searchParams } = new URL(request.url);
  searchParams.set("$skipToken", String(skip));
  return `${services.settings.publicUrl}${pathname}?${searchParams}`;
}
