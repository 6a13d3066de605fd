import { z } from "zod";
import { ArmError, bodyOf } from "../arm-error.ts";
import type { Call, Family, Reply } from "../call.ts";
import { existing } from "../resources/existing.ts";
import type { RoleAssignment } from "../model.ts";
import { permissionsAt, roleOf } from "./role.ts";
import { covers } from "./scope.ts";

const TYPE = "Microsoft.Authorization/roleAssignments";

const assignmentBody = z.object({
  properties: z.looseObject({
    roleDefinitionId: z.string(),
    principalId: z.guid(),
    principalType: z.string().default("ServicePrincipal"),
  }),
});

/** Takes effect at once; on Azure it may be ten minutes. */
function put({ box, path, body }: Call): Reply {
  const { properties } = bodyOf(assignmentBody, body);
  if (!roleOf(box, properties.roleDefinitionId.split("/").at(-1) ?? ""))
    throw new ArmError(
      400,
      "RoleDefinitionDoesNotExist",
      `The specified role definition with ID '${properties.roleDefinitionId}' does not exist.`,
    );
  const known = box.state.roleAssignments.get(path.id);
  const same = box.state.roleAssignments
    .all()
    .find(
      (other) =>
        other.hidden.scope.toLowerCase() === path.scope.toLowerCase() &&
        other.properties.principalId === properties.principalId &&
        other.properties.roleDefinitionId.toLowerCase() === properties.roleDefinitionId.toLowerCase(),
    );
  if (same && same !== known)
    throw new ArmError(409, "RoleAssignmentExists", "The role assignment already exists.");
  if (known && !same)
    throw new ArmError(
      400,
      "RoleAssignmentUpdateNotPermitted",
      "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
    );
  const made = box.state.roleAssignments.put({
    id: known?.id ?? path.id,
    name: known?.name ?? path.name,
    type: TYPE,
    properties: { ...properties, scope: path.scope },
    hidden: { scope: path.scope },
  });
  return { status: known ? 200 : 201, body: shown(made) };
}

const shown = (assignment: RoleAssignment) => ({ ...assignment, hidden: undefined });

const at = (call: Call): RoleAssignment => existing(call.box.state.roleAssignments, TYPE, call);

function remove({ box, path }: Call): Reply {
  const found = box.state.roleAssignments.get(path.id);
  if (!found) return { status: 204 };
  box.state.roleAssignments.delete(found.id);
  return { status: 200, body: shown(found) };
}

function list({ box, path, query }: Call): Reply {
  const filter = query.get("$filter") ?? "";
  const principal = /principalId eq '([^']+)'/i.exec(filter)?.[1];
  const value = box.state.roleAssignments
    .all()
    .filter(({ hidden: { scope } }) => covers(scope, path.scope) || (!filter && covers(path.scope, scope)))
    .filter(({ properties }) => principal === undefined || properties.principalId === principal);
  return { status: 200, body: { value: value.map(shown) } };
}

export const roleAssignments: Family = {
  type: TYPE,
  since: "2022-04-01",
  get: (call) => ({ status: 200, body: shown(at(call)) }),
  put,
  delete: remove,
  list,
};

/** `GET {scope}/providers/Microsoft.Authorization/permissions`: what the caller itself may do there. */
export function permissions({ box, path, principal = "" }: Call): Reply {
  const value = permissionsAt(box, principal, path.scope).map(({ actions, notActions }) => ({
    actions,
    notActions,
    dataActions: [],
    notDataActions: [],
  }));
  return { status: 200, body: { value } };
}
