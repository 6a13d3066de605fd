import { ArmError } from "../arm-error.ts";

/** Nothing that somebody may read or write through an address is deleted. @throws ArmError 409 */
export function refuseGranted(
  kind: "disk" | "snapshot",
  { name, hidden }: { readonly name: string; readonly hidden: { readonly grants: readonly unknown[] } },
): void {
  if (hidden.grants.length > 0)
    throw new ArmError(
      409,
      "OperationNotAllowed",
      `There is an active shared access signature outstanding for ${kind} ${name}. Call EndGetAccess before deleting this ${kind}.`,
    );
}
