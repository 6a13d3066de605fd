import { ArmError, resourceNotFound } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Call, Family, Reply } from "../call.ts";
import type { StorageAccount } from "../model.ts";
import { isOfBlobsAlone } from "./storage-account.ts";

/** The account that the path leads through. */
function accountOf(box: Box, id: string): StorageAccount | undefined {
  return box.state.storageAccounts.get(id.split("/").slice(0, 9).join("/"));
}

function accountAt({ box, path }: Call): StorageAccount {
  const found = accountOf(box, path.id);
  if (!found) throw resourceNotFound("Microsoft.Storage/storageAccounts", path.name, path.group ?? "");
  return found;
}

const shown = (type: string, id: string) => ({
  id,
  name: id.slice(id.lastIndexOf("/") + 1),
  type,
  properties: {},
});

/**
 * Queues, tables or file shares of an account, as Resource Manager tells of them. They can be made by it, too; what is made over
 * the account's own endpoints is not seen here.
 */
function family(service: string, kind: string): Family {
  const type = `Microsoft.Storage/storageAccounts/${service}/${kind}`;
  return {
    type,
    since: "2023-05-01",
    list: (call): Reply => {
      const prefix = `${call.path.id}/${kind}/`.toLowerCase();
      const account = accountAt(call);
      if (isOfBlobsAlone(account))
        throw new ArmError(409, "FeatureNotSupportedForAccount", `${kind} is not supported for the account.`);
      const held = account.hidden.beside ?? [];
      const value = held.filter((id) => id.toLowerCase().startsWith(prefix)).map((id) => shown(type, id));
      return { status: 200, body: { value } };
    },
    put: (call): Reply => {
      const { hidden } = accountAt(call);
      const { id, name } = call.path;
      if (!/^[A-Za-z0-9-]{3,63}$/.test(name))
        throw new ArmError(400, "InvalidResourceName", `${name} is no name of one of ${kind}.`);
      hidden.beside = [...(hidden.beside ?? []).filter((one) => one.toLowerCase() !== id.toLowerCase()), id];
      return { status: 201, body: shown(type, id) };
    },
    find: (box, id) => accountOf(box, id),
  };
}

export const storedBeside: readonly Family[] = [
  family("queueServices", "queues"),
  family("tableServices", "tables"),
  family("fileServices", "shares"),
];
