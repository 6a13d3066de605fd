import { existsSync } from "node:fs";
import path from "node:path";
import { type Exchange, publishedCheck } from "../../../local/arm/published/exchange.ts";

/**
 * Where Microsoft's published descriptions are, which are too much for this repository: `LEEWARD_AZURE_SPECS`, or
 * `azure-specs` in the directory `shared` beside it.
 */
const directory = path.resolve(process.env["LEEWARD_AZURE_SPECS"] ?? "../shared/azure-specs", "openapi");

export const arePublished = existsSync(directory);

let check: ReturnType<typeof publishedCheck> | undefined;

/** What of the exchange is not as published; nothing where the descriptions are absent. */
export function violations(exchange: Exchange): string[] {
  if (!arePublished) return [];
  check ??= publishedCheck(directory);
  const answer: unknown =
    exchange.answer === undefined ? undefined : JSON.parse(JSON.stringify(exchange.answer));
  return check({ ...exchange, answer });
}
