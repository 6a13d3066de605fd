import { ArmError } from "../arm-error.ts";
import type { ArmPath } from "../arm-path.ts";
import type { Box } from "../box.ts";
import type { Role } from "../box-config.ts";
import { neededFor } from "./action.ts";
import { covers } from "./scope.ts";

/** Of the roles that Azure has, those that a box needs; real ids, and actions as far as the simulator checks them. */
const BUILT_IN: readonly Role[] = [
  { id: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", name: "Owner", actions: ["*"], notActions: [] },
  {
    id: "b24988ac-6180-42a0-ab88-20f7382dd24c",
    name: "Contributor",
    actions: ["*"],
    notActions: ["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"],
  },
  { id: "acdd72a7-3385-48ef-bd42-f606fba81ae7", name: "Reader", actions: ["*/read"], notActions: [] },
  {
    id: "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    name: "Storage Blob Data Contributor",
    actions: [
      "Microsoft.Storage/storageAccounts/blobServices/containers/*",
      "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
    ],
    notActions: [],
  },
];

/** By its GUID. */
export const roleOf = (box: Box, id: string): Role | undefined =>
  [...BUILT_IN, ...box.config.roles].find((role) => role.id.toLowerCase() === id.toLowerCase());

/** What the principal may do at the scope: one entry for each assignment that reaches it. */
export function permissionsAt(box: Box, principal: string, scope: string): Role[] {
  const owner = box.config.identities.some(({ arm, objectId }) => arm && objectId === principal);
  const configured = box.config.assignments.map((one) => ({ ...one, role: one.role }));
  const made = box.state.roleAssignments.all().map(({ properties, hidden }) => ({
    principal: properties.principalId,
    role: properties.roleDefinitionId.split("/").at(-1) ?? "",
    scope: hidden.scope,
  }));
  const roles = [...configured, ...made]
    .filter((one) => one.principal === principal && covers(one.scope, scope))
    .flatMap(({ role }) => roleOf(box, role) ?? []);
  return owner ? [...BUILT_IN.slice(0, 1), ...roles] : roles;
}

/** @throws ArmError 403 that names the action and the scope which the caller lacks. */
export function requireRights(
  box: Box,
  principal: string,
  method: string,
  path: ArmPath,
  body: unknown,
): void {
  for (const { action, scope, linked } of neededFor(method, path, body)) {
    if (permissionsAt(box, principal, scope).some((role) => allows(role, action))) continue;
    const client = `The client with object id '${principal}'`;
    const over = `action '${action}' over scope '${scope}'`;
    throw linked
      ? new ArmError(
          403,
          "LinkedAuthorizationFailed",
          `${client} has permission to perform the action on scope '${path.id}'; however, it does not have permission to perform ${over} on the linked scope(s).`,
        )
      : new ArmError(
          403,
          "AuthorizationFailed",
          `${client} does not have authorization to perform ${over} or the scope is invalid. If access was recently granted, please refresh your credentials.`,
        );
  }
}

const allows = ({ actions, notActions }: Role, action: string): boolean =>
  actions.some((pattern) => matches(pattern, action)) &&
  !notActions.some((pattern) => matches(pattern, action));

const matches = (pattern: string, action: string): boolean =>
  new RegExp(
    `^${pattern
      .toLowerCase()
      .split("*")
      .map((part) => part.replaceAll(".", "\\."))
      .join(".*")}$`,
  ).test(action);
