import { createHash } from "node:crypto";
import { type ArmId, armId } from "../core/ids.ts";
import type { ItemRecord, TargetMachine } from "./item.ts";

/** A built-in role on one account. */
export interface RoleGrant {
  /** Of the assignment. */
  readonly id: ArmId;
  readonly scope: ArmId;
  /** Id of the role's definition, the same in every tenant. */
  readonly definition: string;
}

const BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
const BLOB_DELEGATOR = "db58b8e5-c6ad-4a2a-8342-4190687cbf4a";

/** What the app needs on the accounts that enablement makes, where the deployment gave it no roles above them. */
export function grantsFor(
  { cache, replica }: Pick<TargetMachine, "cache" | "replica">,
  { cacheAccount, replicaAccount }: ItemRecord["request"],
  principal: string,
): RoleGrant[] {
  const wanted: [ArmId, string][] = [
    ...(cacheAccount
      ? []
      : [BLOB_DATA_CONTRIBUTOR, BLOB_DELEGATOR].map((one): [ArmId, string] => [cache.id, one])),
    ...(replica && !replicaAccount ? [[replica.id, BLOB_DATA_CONTRIBUTOR] satisfies [ArmId, string]] : []),
  ];
  return wanted.map(([scope, definition]) => ({
    id: assignment(scope, definition, principal),
    scope,
    definition,
  }));
}

/** Its name says what it assigns, so that a second run finds it. */
const assignment = (scope: ArmId, definition: string, principal: string): ArmId =>
  armId(
    `${scope}/providers/Microsoft.Authorization/roleAssignments/${uuidV5([scope, definition, principal].join("\n").toLowerCase())}`,
  );

/** RFC 9562, in a name space of our own. */
function uuidV5(name: string): string {
  const digest = createHash("sha1").update(NAME_SPACE).update(name).digest().subarray(0, 16);
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x50, 6);
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8);
  return digest.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
const NAME_SPACE = Buffer.from("6f1d7a5e2c8b4e0f9a3d5b7c1e2f4a68", "hex");
