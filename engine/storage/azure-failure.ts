import { type RestError, isRestError } from "@azure/core-rest-pipeline";
import { type ErrorCode, LeewardError, messageOf } from "../core/errors.ts";
import { retryAfterIn } from "../core/retry.ts";
import type { Millis } from "../core/units.ts";

/** Azure's codes whose HTTP status alone would not say what they mean. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  BlobAlreadyExists: "ObjectExists",
  EntityAlreadyExists: "ObjectExists",
  LeaseIdMissing: "FenceLost",
  LeaseLost: "FenceLost",
  LeaseIdMismatchWithBlobOperation: "FenceLost",
  LeaseNotPresentWithBlobOperation: "FenceLost",
  // What follows passes by itself: damage on the way, a container of the same name on its way out.
  Md5Mismatch: "StorageUnavailable",
  ContainerBeingDeleted: "StorageUnavailable",
  TableBeingDeleted: "StorageUnavailable",
};

const STATUSES: Readonly<Record<number, ErrorCode>> = {
  401: "StorageDenied",
  403: "StorageDenied",
  404: "NotFound",
  408: "StorageUnavailable",
  412: "ObjectChanged",
  429: "StorageUnavailable",
  500: "StorageUnavailable",
  502: "StorageUnavailable",
  503: "StorageUnavailable",
  504: "StorageUnavailable",
};

/** Azure's own code of a refusal, e.g. `BlobNotFound`; otherwise the network's, e.g. `ECONNREFUSED`; otherwise empty. */
function azureCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const header = isRestError(error) ? error.response?.headers.get("x-ms-error-code") : undefined;
  // Table storage puts it in a JSON body, or in XML before it knows whom it talks to.
  const body = /"code":\s*"(\w+)"|<Code>(\w+)<\/Code>/.exec(error.message);
  return header ?? body?.[1] ?? body?.[2] ?? plainCode(error);
}

const plainCode = (error: Error) => ("code" in error && typeof error.code === "string" ? error.code : "");

/** Whether sending the same request again may help. */
export const passesOf = (error: unknown): boolean => codeFor(error) === "StorageUnavailable";

/** The answer, or undefined when the blob, snapshot or record does not exist; a missing container or table still throws. */
export async function unlessMissing<T>(request: () => Promise<T>): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    const missing = isRestError(error) && error.statusCode === 404 && !PARENTS.has(azureCode(error));
    if (missing) return undefined;
    throw error;
  }
}

/** The answer, or undefined when the storage refused with this code. */
export async function unlessCode<T>(code: string, request: () => Promise<T>): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    if (azureCode(error) === code) return undefined;
    throw error;
  }
}

const PARENTS = new Set(["ContainerNotFound", "TableNotFound"]);

/** What to throw: a LeewardError for whatever storage, network or identity did; anything else is a fault of ours, as it is. */
export function failureOf(what: string, error: unknown): unknown {
  const code = codeFor(error);
  if (error instanceof LeewardError || code === undefined) return error;
  const message = `${what}: ${code === "StorageDenied" ? `${ROLES}; ` : ""}${describe(error)}`;
  const wait = waitOf(error);
  return new LeewardError(code, message, undefined, wait);
}

const ROLES =
  "the identity needs Storage Blob Data Contributor (records: Storage Table Data Contributor), a SAS must still be valid";

/** How long the storage asks us to wait, in milliseconds. */
export function waitOf(error: unknown): Millis | undefined {
  const text = isRestError(error) ? error.response?.headers.get("retry-after") : undefined;
  return retryAfterIn(text, Date.now());
}

function codeFor(error: unknown): ErrorCode | undefined {
  if (error instanceof LeewardError) return error.code;
  if (isRestError(error)) return codeForRest(error);
  if (!(error instanceof Error)) return undefined;
  if (error.name === "CredentialUnavailableError") return "StorageUnavailable";
  if (error.name === "AuthenticationError") return codeForToken(error);
  return /^E[A-Z]|^ERR_STREAM/.test(plainCode(error)) ? "StorageUnavailable" : undefined;
}

function codeForRest(error: RestError): ErrorCode {
  const code = azureCode(error);
  const known = CODES[code];
  if (known) return known;
  if (isFull(error, code)) return "StorageFull";
  if (error.statusCode !== undefined) return STATUSES[error.statusCode] ?? "StorageRefused";
  return /CERT|SIGNATURE/.test(code) ? "StorageRefused" : "StorageUnavailable";
}

/**
 * An account that is at its limit. Azure documents no code for it, so its words count; Azurite in memory answers 409
 * `MemoryExtentStoreAtSizeLimit`. One that takes too much in a second says `ServerBusy`, which is something else.
 */
function isFull({ statusCode: status, message }: RestError, code: string): boolean {
  if (status === 507) return true;
  return (
    (status === 403 || status === 409) &&
    /capacity|quota|(?:size|storage|account) ?limit/i.test(`${code} ${message}`)
  );
}

/** The token endpoint's answer: a client error stays, everything else may pass. */
function codeForToken(error: Error): ErrorCode {
  const status = "statusCode" in error ? Number(error.statusCode) : Number.NaN;
  return status >= 400 && status < 500 && status !== 429 ? "StorageDenied" : "StorageUnavailable";
}

/** Status, code, the first line of the message and the request id; never a SAS, a token or any part of a URL's query. */
function describe(error: unknown): string {
  const status = isRestError(error) ? error.statusCode : undefined;
  const request = isRestError(error) ? error.response?.headers.get("x-ms-request-id") : undefined;
  const text = plainText(messageOf(error));
  return [status, azureCode(error), text, request && `(request ${request})`].filter(Boolean).join(" ");
}

/** Tables answer in JSON or XML, whose text is wrapped. */
function plainText(message: string): string {
  const wrapped = /"value":\s*"([^"\\]*)|<Message>([^<\n]*)/.exec(message);
  const line = (wrapped?.[1] ?? wrapped?.[2] ?? message).split("\n")[0] ?? "";
  return line
    .replace(/\?\S*/g, "?…")
    .replace(/\b(sig=|Bearer\s+)[^\s"']+/gi, "$1…")
    .slice(0, 300);
}
