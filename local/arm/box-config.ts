import { z } from "zod";
import { millis } from "../../engine/core/units.ts";

/** What the box tells the simulator at its start: one JSON file. Holds secrets of the box. */

/** What a region gives this subscription. */
export const limits = z.object({
  /** Most of what a usage counts, by the usage's name: `cores`, `standardDSv5Family`, `StaticPublicIPAddresses` … */
  quotas: z.record(z.string(), z.number().int().min(0)).default({}),
  /** Sizes that it does not offer, in all of it or in some zones. */
  restrictions: z
    .array(
      z.object({
        size: z.string(),
        zones: z.array(z.string()).optional(),
        reason: z.enum(["NotAvailableForSubscription", "QuotaId"]).default("NotAvailableForSubscription"),
      }),
    )
    .default([]),
});
export type Limits = z.output<typeof limits>;

const region = limits.extend({
  /** ARM's short form, e.g. `westeurope`. */
  name: z.string().regex(/^[a-z0-9]+$/),
  displayName: z.string().optional(),
  /** Accounts of this region's Azurite; each storage account that is created takes one. */
  pool: z.array(z.object({ name: z.string(), blob: z.url(), table: z.url() })).default([]),
});

/** A role of the box, beside Azure's own Owner, Contributor and Reader. */
const role = z.object({
  id: z.guid(),
  name: z.string(),
  /** As in a role definition, with `*` for any text. */
  actions: z.array(z.string()),
  notActions: z.array(z.string()).default([]),
});
export type Role = z.output<typeof role>;

const identity = z.object({
  name: z.string(),
  /** Sent as `x-identity-header` (IDENTITY_HEADER) to get a token of this identity. */
  secret: z.string().min(16),
  objectId: z.guid(),
  clientId: z.guid().optional(),
  /** App roles in its tokens, e.g. `Leeward.Operator`. */
  roles: z.array(z.string()).default([]),
  /** Whether it is the subscription's Owner. */
  arm: z.boolean().default(false),
});

const seed = z.object({
  /** ARM path of the resource. */
  id: z.string(),
  /** Body of the PUT that would make it. */
  body: z.record(z.string(), z.unknown()),
  /** For a disk: an image that exists already and becomes the disk, instead of a new file. */
  file: z.string().optional(),
  /** For a storage account: the pool account it takes. */
  pool: z.string().optional(),
});

export const boxConfig = z.object({
  subscription: z.guid(),
  tenant: z.guid(),
  regions: z.array(region).min(1),
  /** Names of storage accounts that somebody else in the world has. */
  takenAccountNames: z.array(z.string()).default([]),
  /** Whether callers are throttled by the published limits. */
  throttling: z.boolean().default(false),
  /** Most items on one page of a list. */
  pageSize: z.number().int().min(1).default(100),
  /** Directory of the disk images. */
  disks: z.string(),
  /** Audiences of tokens that ARM accepts. */
  audiences: z
    .array(z.string())
    .default(["https://management.azure.com", "https://management.core.windows.net"]),
  identities: z.array(identity),
  roles: z.array(role).default([]),
  /** Who has which role from the beginning: object id, the role's id, and where. */
  assignments: z.array(z.object({ principal: z.guid(), role: z.guid(), scope: z.string() })).default([]),
  /** App roles in the tokens of every VM's own identity. */
  vmRoles: z.array(z.string()).default(["Leeward.Agent"]),
  adminToken: z.string().min(16),
  /** `Retry-After` of long-running operations in seconds. Azure says 10 to 15. */
  retryAfter: z.number().min(0).default(1),
  /** How long an operation takes at least. */
  operationTime: z.number().default(300).transform(millis),
  /** How long a snapshot is filled in the background where Azure does that: Premium SSD v2, Ultra, CopyStart. */
  backgroundCopyTime: z.number().min(0).default(0).transform(millis),
  /** PEM file of the authority that signed Azurite's certificate; not needed with NODE_EXTRA_CA_CERTS. */
  ca: z.string().optional(),
  /** Handed to the hypervisor as it is. */
  hypervisor: z.record(z.string(), z.unknown()).default({}),
  /** Resources there are at the first start, in order. */
  seed: z.array(seed).default([]),
});
export type BoxConfig = z.output<typeof boxConfig>;
export type Seed = z.output<typeof seed>;
