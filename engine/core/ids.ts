declare const id: unique symbol;
/** A string that says what it names. */
type Id<Kind extends string> = string & { readonly [id]: Kind };

/** Names one protected machine in every object name: 1..63 of `a-z 0-9 -`, e.g. `ledger-3f9a01c2`. */
export type MachineId = Id<"machine">;
/** A UUID, lower case. A recovery point has the id of its barrier. */
export type BarrierId = Id<"barrier">;
/** A UUID, lower case: at once orchestration instance, job name and operation id. */
export type OperationId = Id<"operation">;
/** A UUID, lower case: a group of machines with common recovery points. */
export type GroupId = Id<"group">;
/** An ARM resource id, starting with `/subscriptions/`. Keeps the caller's casing; compare with `sameArmId`. */
export type ArmId = Id<"arm">;

const MACHINE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ARM = /^\/subscriptions\/[^/?#\s]+(?:\/[^/?#]+)*$/i;

function matching(what: string, pattern: RegExp) {
  return (text: string): string => {
    if (!pattern.test(text)) throw new RangeError(`not ${what}: ${JSON.stringify(text.slice(0, 300))}`);
    return text;
  };
}

const checkMachine = matching("a machine id", MACHINE);
const checkUuid = matching("a lower-case UUID", UUID);
const checkArm = matching("an ARM resource id", ARM);

export const machineId = (text: string): MachineId => checkMachine(text) as MachineId;
export const barrierId = (text: string): BarrierId => checkUuid(text) as BarrierId;
export const groupId = (text: string): GroupId => checkUuid(text) as GroupId;
export const operationId = (text: string): OperationId => checkUuid(text) as OperationId;
export const armId = (text: string): ArmId => checkArm(text) as ArmId;

/**
 * A UUID of these bytes, at least 16 of them: version 8 (of the maker's own making) and variant 1, as RFC 9562 has it for
 * hashed names.
 */
export function uuidOf(digest: Uint8Array): string {
  const hex = Buffer.from(digest.subarray(0, 16)).toString("hex");
  const variant = (8 + (Number.parseInt(hex.slice(16, 17), 16) % 4)).toString(16);
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return parts.join("-");
}

/** As in `Microsoft.Compute/virtualMachines/extensions`, in the casing of the id. */
export function resourceTypeOf(id: string): string {
  const parts = id.split("/");
  const at = parts.map((part) => part.toLowerCase()).lastIndexOf("providers");
  if (at < 0) return "Microsoft.Resources/resourceGroups";
  return parts
    .slice(at + 1)
    .filter((_, n) => n === 0 || n % 2 === 1)
    .join("/");
}

/** The group that a resource lies in. */
export function groupOf(id: ArmId): ArmId {
  const found = /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+/i.exec(id);
  return armId(found?.[0] ?? id);
}

/** ARM compares ids without regard to case, and services change the casing of what they return. */
export const sameArmId = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
