import { z } from "zod";
import { hasCode, messageOf } from "../core/errors.ts";
import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";

/** What a storage account holds beside blobs, and where it is listed. */
const KINDS = [
  ["queue", "queueServices/default/queues"],
  ["table", "tableServices/default/tables"],
  ["file share", "fileServices/default/shares"],
] as const;

const named = z.object({ name: z.string() });

/** In words, a queue, table or file share of the account; undefined when there is none. */
export async function storedBesideBlobs(client: ArmClient, account: ArmId): Promise<string | undefined> {
  for (const [kind, collection] of KINDS) {
    const name = await firstOf(client, `${account}/${collection}`);
    if (name !== undefined) return `there is a ${kind} in it, ${name}`;
  }
  return undefined;
}

async function firstOf(client: ArmClient, path: string): Promise<string | undefined> {
  try {
    for await (const one of client.list(path)) return parsed(named, one, path).name;
  } catch (error) {
    // Accounts of some kinds are without the service.
    const without = hasCode(error, "ArmFailed") && messageOf(error).includes("FeatureNotSupportedForAccount");
    if (!without) throw error;
  }
  return undefined;
}
