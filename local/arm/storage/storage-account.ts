import { z } from "zod";
import { begun } from "../begun.ts";
import { armId } from "../../../engine/core/ids.ts";
import { ArmError, bodyOf, resourceNotFound } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Call, Family, Reply } from "../call.ts";
import { usageBody } from "../limit.ts";
import type { StorageAccount } from "../model.ts";
import type { Work } from "../operations.ts";
import { regionOf, sameRegion } from "../region.ts";
import { patchTags } from "../resources/tags.ts";

const accountBody = z.object({
  location: z.string(),
  kind: z.string(),
  sku: z.looseObject({ name: z.string() }),
  tags: z.record(z.string(), z.string()).nullish(),
  properties: z.looseObject({}).default({}),
});

function put(call: Call): Reply {
  const { box, path } = call;
  const body = bodyOf(accountBody, call.body);
  const location = regionOf(box, body.location, path.type);
  const known = box.state.storageAccounts.get(path.id);
  sameRegion(known, location);
  checkKind(body, known);
  if (known) return updated(box, known, body);
  checkName(box, path.name);
  const account = box.state.storageAccounts.put({
    id: armId(path.id),
    name: path.name,
    type: "Microsoft.Storage/storageAccounts",
    location,
    kind: body.kind,
    sku: { tier: body.sku.name.split("_")[0], ...body.sku },
    tags: body.tags ?? {},
    properties: { ...body.properties, provisioningState: "Creating" },
    hidden: { pool: takePool(box, location, call.seed?.pool) },
  });
  return begun(call, account, "account.create", { status: 202 });
}

/** An update is done at once. */
function updated(box: Box, known: StorageAccount, body: z.infer<typeof accountBody>): Reply {
  known.tags = body.tags ?? {};
  known.sku = { ...known.sku, ...body.sku };
  Object.assign(known.properties, body.properties);
  return { status: 200, body: shown(box, known) };
}

/** What Azure sells of each kind; premium `StorageV2` is of page blobs alone. */
const SKUS: Readonly<Record<string, RegExp>> = {
  StorageV2: /^(Standard_(LRS|ZRS|GRS|RAGRS|GZRS|RAGZRS)|Premium_(LRS|ZRS))$/,
  BlockBlobStorage: /^Premium_(LRS|ZRS)$/,
};

function checkKind({ kind, sku }: z.infer<typeof accountBody>, known: StorageAccount | undefined): void {
  if (!SKUS[kind]?.test(sku.name))
    throw new ArmError(400, "InvalidAccountType", `The AccountType ${sku.name} is invalid for kind ${kind}.`);
  const tier = (name: string) => name.split("_")[0];
  if (known && (known.kind !== kind || tier(known.sku.name) !== tier(sku.name)))
    throw new ArmError(
      409,
      "StorageAccountTypeUpdateNotAllowed",
      `The account ${known.name} cannot be turned from ${known.kind} ${known.sku.name} into ${kind} ${sku.name}.`,
    );
}

/** Premium accounts are of blobs alone. */
export const isOfBlobsAlone = ({ sku }: Pick<StorageAccount, "sku">): boolean =>
  sku.name.startsWith("Premium_");

function checkName(box: Box, name: string): void {
  if (!/^[a-z0-9]{3,24}$/.test(name))
    throw new ArmError(
      400,
      "AccountNameInvalid",
      `${name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.`,
    );
  if (taken(box, name))
    throw new ArmError(
      409,
      "StorageAccountAlreadyTaken",
      `The storage account named ${name} is already taken.`,
    );
}

const taken = (box: Box, name: string) =>
  box.config.takenAccountNames.includes(name.toLowerCase()) ||
  box.state.storageAccounts.all().some((account) => account.name.toLowerCase() === name.toLowerCase());

/** Accounts are never given twice: what an earlier one stored is still in them. */
function takePool(box: Box, location: string, wanted: string | undefined): string {
  const pool = box.config.regions.find(({ name }) => name === location)?.pool ?? [];
  const free = pool.find(({ name }) => !box.state.usedPools.has(name) && (!wanted || name === wanted));
  if (!free)
    throw new ArmError(
      409,
      "MaxStorageAccountsCountPerSubscriptionExceeded",
      `Subscription already contains the maximum of ${pool.length} storage accounts for location ${location}.`,
    );
  box.state.usedPools.add(free.name);
  return free.name;
}

export const createAccount: Work = {
  run(box, { resource }) {
    const account = box.state.storageAccounts.get(resource);
    if (account) account.properties.provisioningState = "Succeeded";
  },
  failed: (box, { resource }) => box.state.storageAccounts.delete(resource),
};

/** Without what only the simulator knows. Endpoints come from the box: Azurite's port may differ after a restart. */
function shown(box: Box, { hidden, ...account }: StorageAccount) {
  if (account.properties.provisioningState !== "Succeeded") return account;
  return {
    ...account,
    properties: { ...account.properties, primaryEndpoints: endpointsOf(box, hidden.pool) },
  };
}

/** Base URLs that end in a slash, as Azure gives them. */
export function endpointsOf(box: Box, pool: string): { blob: string; table: string } {
  const found = box.config.regions.flatMap((region) => region.pool).find(({ name }) => name === pool);
  return { blob: withSlash(found?.blob ?? ""), table: withSlash(found?.table ?? "") };
}

const withSlash = (url: string) => (url.endsWith("/") ? url : `${url}/`);

function at({ box, path }: Call): StorageAccount {
  const found = box.state.storageAccounts.get(path.id);
  if (!found) throw resourceNotFound("Microsoft.Storage/storageAccounts", path.name, path.group ?? "");
  return found;
}

function remove({ box, path }: Call): Reply {
  if (!box.state.storageAccounts.get(path.id)) return { status: 204 };
  box.state.storageAccounts.delete(path.id);
  return { status: 200 };
}

export const storageAccounts: Family = {
  type: "Microsoft.Storage/storageAccounts",
  since: "2023-05-01",
  get: (call) => ({ status: 200, body: shown(call.box, at(call)) }),
  put,
  patch: (call) => patchTags(at(call), call, () => shown(call.box, at(call))),
  delete: remove,
  list: ({ box, path }) => ({
    status: 200,
    body: { value: box.state.storageAccounts.under(path.id).map((account) => shown(box, account)) },
  }),
  find: (box, id) => box.state.storageAccounts.get(id),
};

/** `GET …/providers/Microsoft.Storage/locations/region/usages`: accounts, of which the box has a few. */
export function accountUsages({ box, path }: Call): Reply {
  const region = path.name.toLowerCase();
  const accounts = box.state.storageAccounts.all().filter(({ location }) => location === region);
  const limit = box.config.regions.find(({ name }) => name === region)?.pool.length ?? 0;
  const usage = { name: "StorageAccounts", title: "Storage Accounts", current: accounts.length, limit };
  return { status: 200, body: usageBody(box, region, [usage]) };
}

const nameBody = z.object({ name: z.string(), type: z.literal("Microsoft.Storage/storageAccounts") });

/** `POST /subscriptions/S/providers/Microsoft.Storage/checkNameAvailability`. */
export function nameAvailability(call: Call): Reply {
  const { name } = bodyOf(nameBody, call.body);
  if (!/^[a-z0-9]{3,24}$/.test(name))
    return {
      status: 200,
      body: {
        nameAvailable: false,
        reason: "AccountNameInvalid",
        message: `${name} is not a valid storage account name.`,
      },
    };
  if (taken(call.box, name))
    return {
      status: 200,
      body: {
        nameAvailable: false,
        reason: "AlreadyExists",
        message: `The storage account named ${name} is already taken.`,
      },
    };
  return { status: 200, body: { nameAvailable: true } };
}
