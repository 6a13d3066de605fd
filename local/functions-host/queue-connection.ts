import { QueueServiceClient, type StoragePipelineOptions } from "@azure/storage-queue";
import { managedIdentity } from "../../engine/azure/credential.ts";
import { LeewardError } from "../../engine/core/errors.ts";

/**
 * The account that a binding's `connection` names, found in the settings as the real host finds it: a connection string
 * under the name itself or behind `AzureWebJobs`, or an identity with `NAME__queueServiceUri` or `NAME__accountName`.
 * @param connection "" means `AzureWebJobsStorage`
 * @param where for the error, never followed by a value
 * @throws LeewardError InvalidSetting when no such setting is there, or it is no connection
 */
export function queueService(connection: string, where: string): QueueServiceClient {
  const names = connection === "" ? ["AzureWebJobsStorage"] : [connection, `AzureWebJobs${connection}`];
  for (const name of names) {
    const text = process.env[name];
    if (text !== undefined && text !== "") return fromText(text, name, where);
    const uri = serviceUri(name);
    if (uri !== undefined)
      return new QueueServiceClient(uri, managedIdentity(process.env[`${name}__clientId`]), OPTIONS);
  }
  throw new LeewardError(
    "InvalidSetting",
    `${where} needs the setting ${names[0]} or ${names[0]}__queueServiceUri, which is not set`,
  );
}

const OPTIONS: StoragePipelineOptions = { retryOptions: { maxTries: 1 } };

function serviceUri(name: string): string | undefined {
  const account = process.env[`${name}__accountName`];
  return process.env[`${name}__queueServiceUri`] ?? (account && `https://${account}.queue.core.windows.net`);
}

/** What is wrong with a connection string is not told: it holds the account's key. */
function fromText(text: string, name: string, where: string): QueueServiceClient {
  try {
    return QueueServiceClient.fromConnectionString(text, OPTIONS);
  } catch {
    throw new LeewardError(
      "InvalidSetting",
      `${where}: the setting ${name} is not a storage connection string`,
    );
  }
}
