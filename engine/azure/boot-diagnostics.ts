import { AnonymousCredential, BlobClient } from "@azure/storage-blob";
import { z } from "zod";
import { LeewardError } from "../core/errors.ts";
import type { ArmId } from "../core/ids.ts";
import { KIB } from "../core/units.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";

/** Minutes that the address of the console is good for. */
const VALID_MINUTES = 5;
/** Of the console's end. */
const MOST_BYTES = 16 * KIB;

const answer = z.object({ serialConsoleLogBlobUri: z.url().optional() });

/**
 * The end of what the machine wrote to its serial console. Its address is a secret that this function alone sees.
 * @throws ArmFailed when there is none, or it cannot be read; ArmUnavailable
 */
export async function readConsole(client: ArmClient, machine: ArmId): Promise<string> {
  const query = { sasUriExpirationTimeInMinutes: String(VALID_MINUTES) };
  const { body } = await client.post(`${machine}/retrieveBootDiagnosticsData`, undefined, { query });
  const url = parsed(answer, body, `boot diagnostics of ${machine}`).serialConsoleLogBlobUri;
  if (url === undefined) throw new LeewardError("ArmFailed", `${machine} has no serial console`);
  try {
    const blob = new BlobClient(url, new AnonymousCredential(), { retryOptions: { maxTries: 2 } });
    const { contentLength = 0 } = await blob.getProperties();
    if (contentLength === 0) return "";
    const start = Math.max(contentLength - MOST_BYTES, 0);
    const end = await blob.downloadToBuffer(start, contentLength - start);
    // Of a page blob the rest of the last page is zero.
    return end.toString("utf8").replaceAll("\0", "");
  } catch (error) {
    // The library's own error holds the request with its address.
    const status = z.object({ statusCode: z.number() }).safeParse(error);
    const why = status.success ? `storage answered ${status.data.statusCode}` : "storage did not answer";
    throw new LeewardError("ArmFailed", `the serial console of ${machine} cannot be read: ${why}`);
  }
}
