import { z } from "zod";
import type { ArmId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
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
