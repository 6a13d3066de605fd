declare const id: unique symbol;
/** A string that says what it names. */
type Id<Kind extends string> = string & { readonly [id]: Kind };

/** Names one protected machine in every object name: 1..63 of `a-z 0-9 -`, e.g. `ledger-3f9a01c2`. */
export type MachineId = Id<"machine">;
/** A UUID, lower case. A recovery point has the id of its barrier. */
export type BarrierId = Id<"barrier">;
/** A UUID, lower case: at once orchestration instance, job name and operation id. */
export type OperationId = Id<"operation">;
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
export const operationId = (text: string): OperationId => checkUuid(text) as OperationId;
export const armId = (text: string): ArmId => checkArm(text) as ArmId;

/** ARM compares ids without regard to case, and services change the casing of what they return. */
export const sameArmId = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
