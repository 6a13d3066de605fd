import fc from "fast-check";
import { expect, test } from "vitest";
import { armId, sameArmId } from "../../../../engine/core/ids.ts";
import { itemKey, itemKeyOf, itemRecord, machineIdFor, vaultOf } from "../../../../engine/recovery/item.ts";
import { operationFor } from "../../../../engine/recovery/job.ts";
import { ITEM, VAULT, VM, item, protectedItem } from "./fixture.ts";

test("a machine's id is readable and leads to its record", () => {
  const machine = machineIdFor(ITEM, VM, "first");
  expect(machine).toMatch(/^ledger-vm-[0-9a-f]{6}-[0-9a-f]{8}$/);
  expect(itemKeyOf(machine)).toBe(itemKey(ITEM));
});

test("an item that is enabled anew is another machine", () => {
  const [first, second] = ["first", "second"].map((enablement) => machineIdFor(ITEM, VM, enablement));
  expect(second).not.toBe(first);
});

test("any VM name makes a machine id", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 80 }).filter((s) => !/[/?#\s]/.test(s)),
      (name) => {
        const machine = machineIdFor(ITEM, armId(`/subscriptions/s/${name}`), "first");
        expect(machine).toMatch(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);
        expect(machine.endsWith(itemKey(ITEM))).toBe(true);
      },
    ),
  );
});

test("ids lead to the same record whatever their casing, and keep the caller's", () => {
  const louder = armId(ITEM.replace("replicationProtectedItems", "REPLICATIONPROTECTEDITEMS"));
  expect(itemKey(louder)).toBe(itemKey(ITEM));
  expect(item().id).toBe(ITEM);
  expect(sameArmId(vaultOf(louder), VAULT)).toBe(true);
});

test("a record comes back from JSON as it was", () => {
  for (const one of [item(), protectedItem()])
    expect(itemRecord.parse(JSON.parse(JSON.stringify(one)))).toEqual(JSON.parse(JSON.stringify(one)));
});

test("operation ids are UUIDs, equal for equal requests only", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      const one = operationFor(ITEM, "enable", a);
      expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(one === operationFor(ITEM, "enable", b)).toBe(a === b);
      expect(one).not.toBe(operationFor(ITEM, "failover", a));
    }),
  );
});
