import { z } from "zod";
import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { LeewardError } from "../core/errors.ts";
import { parsed } from "./arm-failure.ts";

const assignment = z.object({ properties: z.object({ scope: z.string(), principalId: z.string() }) });

/** How many roles are assigned on the resource itself, without those that it inherits. */
export async function countRoleAssignments(client: ArmClient, scope: ArmId): Promise<number> {
  const path = `${scope}/providers/Microsoft.Authorization/roleAssignments`;
  let count = 0;
  for await (const one of client.list(path, { query: { $filter: "atScope()" } }))
    if (parsed(assignment, one, path).properties.scope.toLowerCase() === scope.toLowerCase()) count++;
  return count;
}

export interface RoleAssignmentSpec {
  readonly id: ArmId;
  /** Id of the role's definition. */
  readonly definition: string;
  /** Object id of an app's identity. */
  readonly principal: string;
}

/** Gives the role. It may take ten minutes until it holds everywhere. */
export async function ensureRoleAssignment(
  client: ArmClient,
  { id, definition, principal }: RoleAssignmentSpec,
): Promise<void> {
  if ((await client.find(id)) !== undefined) return;
  const subscription = id.split("/").slice(0, 3).join("/");
  const roleDefinitionId = `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${definition}`;
  // With its kind said, Azure does not look for an identity that is too new to be found.
  const properties = { roleDefinitionId, principalId: principal, principalType: "ServicePrincipal" };
  try {
    await client.put(id, { properties });
  } catch (error) {
    // Somebody gave it under another name.
    if (error instanceof LeewardError && error.message.includes("RoleAssignmentExists")) return;
    throw error;
  }
}
