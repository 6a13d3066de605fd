import { TableClient } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import {
  BlobServiceClient,
  ContainerClient,
  ContainerSASPermissions,
  SASProtocol,
  type StoragePipelineOptions,
  generateBlobSASQueryParameters,
} from "@azure/storage-blob";
import type { Millis } from "../core/units.ts";
import { PATIENT, type Patience, attempt } from "./attempt.ts";
import { pagesOf } from "./azure-listing.ts";

/** Same object for all connections of a process, so that they share their sockets. */
export interface ConnectOptions {
  /** PEM of the only authority to trust; without it Node's, which `NODE_EXTRA_CA_CERTS` extends. */
  readonly tls?: { readonly ca: string };
}

/** The SDK's own retries are off: `attempt` does it for blobs and tables alike, with time-outs. */
function blobOptions({ tls }: ConnectOptions): StoragePipelineOptions {
  const options: StoragePipelineOptions & ConnectTls = { retryOptions: { maxTries: 1 }, ...AGENT };
  if (tls) options.tlsOptions = tls;
  return options;
}

type ConnectTls = { tlsOptions?: { readonly ca: string } };
const AGENT = { userAgentOptions: { userAgentPrefix: "leeward" } };

/** @param endpoint of the account's blob service, e.g. `https://account.blob.core.windows.net` */
export const connectContainer = (
  endpoint: string,
  container: string,
  credential: TokenCredential,
  options: ConnectOptions = {},
): ContainerClient =>
  new BlobServiceClient(endpoint, credential, blobOptions(options)).getContainerClient(container);

/** Names of all containers of an account. @param endpoint of its blob service */
export async function listContainers(
  endpoint: string,
  credential: TokenCredential,
  options: ConnectOptions = {},
): Promise<string[]> {
  const service = new BlobServiceClient(endpoint, credential, blobOptions(options));
  const names: string[] = [];
  const pages = pagesOf(`listing containers of ${service.accountName}`, PATIENT, 1000, (abortSignal) =>
    service.listContainers({ abortSignal }),
  );
  for await (const { containerItems } of pages) names.push(...containerItems.map(({ name }) => name));
  return names;
}

/** @param url as `containerSas` makes it; a secret */
export const connectContainerBySas = (url: string, options: ConnectOptions = {}): ContainerClient =>
  new ContainerClient(url, undefined, blobOptions(options));

/** @param endpoint of the account's table service, e.g. `https://account.table.core.windows.net` */
export function connectTable(
  endpoint: string,
  table: string,
  credential: TokenCredential,
  { tls }: ConnectOptions = {},
): TableClient {
  return new TableClient(endpoint, table, credential, {
    retryOptions: { maxRetries: 0 },
    ...AGENT,
    ...(tls && { tlsOptions: tls }),
  });
}

/** Azurite 3.36 knows no newer way to sign; Azure takes every older one. */
const SAS_VERSION = "2025-11-05";
/** Clocks differ: Azure's documentation advises to start 15 minutes back. */
const SAS_BACKDATE_MS = 15 * 60 * 1000;

export interface ContainerSas {
  /** The container's URL with the SAS: a secret, never to be logged or stored. */
  readonly url: string;
  readonly expires: Date;
}

/**
 * A user-delegation SAS: works without account keys, and ends with the identity's rights.
 * @param permissions letters in Azure's order, e.g. `racwdl`
 * @param lifetime at most 7 days
 */
export async function containerSas(s: {
  endpoint: string;
  container: string;
  credential: TokenCredential;
  permissions: string;
  lifetime: Millis;
  options?: ConnectOptions;
  patience?: Patience;
}): Promise<ContainerSas> {
  const service = new BlobServiceClient(s.endpoint, s.credential, blobOptions(s.options ?? {}));
  const startsOn = new Date(Date.now() - SAS_BACKDATE_MS);
  const expiresOn = new Date(Date.now() + s.lifetime);
  const key = await attempt(`signing access to ${s.container}`, s.patience ?? PATIENT, (abortSignal) =>
    service.getUserDelegationKey(startsOn, expiresOn, { abortSignal }),
  );
  const sas = generateBlobSASQueryParameters(
    {
      containerName: s.container,
      permissions: ContainerSASPermissions.parse(s.permissions),
      startsOn,
      expiresOn,
      protocol: SASProtocol.Https,
      version: SAS_VERSION,
    },
    key,
    service.accountName,
  );
  return { url: `${service.getContainerClient(s.container).url}?${sas.toString()}`, expires: expiresOn };
}
