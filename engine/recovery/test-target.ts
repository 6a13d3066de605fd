import { LeewardError } from "../core/errors.ts";
import { type ArmId, armId } from "../core/ids.ts";
import { type ItemRecord, type TargetMachine, lastSegment, sourceOf, targetOf } from "./item.ts";
import { testMachine, testNetwork } from "./target-names.ts";
import type { TestNetwork, TestPlace, TestReport } from "./test-report.ts";

/** @throws Unexpected when the item has no test. */
export function testOf(item: ItemRecord): TestReport {
  if (!item.test) throw new LeewardError("Unexpected", `${item.id} has no test failover`);
  return item.test;
}

/**
 * The target as a test builds it: without security groups, sets, placement groups and reserved capacity, which a failover shares with other machines.
 * @throws Unexpected when the item has no test.
 */
export function testTargetOf(item: ItemRecord): TargetMachine {
  const {
    subnet: _,
    availabilitySet: __,
    proximityPlacementGroup: ___,
    scaleSet: ____,
    capacityReservationGroup: _____,
    ...target
  } = targetOf(item);
  return { ...target, purpose: "test", ...testOf(item).place };
}

/** What a failover builds, or what a test builds beside it. */
export const copyOf = (item: ItemRecord, { test }: { readonly test?: true }): TargetMachine =>
  test ? testTargetOf(item) : targetOf(item);

/**
 * Where a test of the item is built. A NIC goes to the subnet of the same name as the source's, or else to the first: a network of
 * its own has the subnets that the source's NICs are in.
 * @param named names of the subnets of a named network
 * @throws InvalidRequest when the network has none
 */
export function testPlaceOf(
  item: ItemRecord,
  network: TestNetwork,
  named: readonly string[] = [],
): TestPlace {
  const target = targetOf(item);
  const source = sourceOf(item);
  const own = network.kind !== "named";
  const id = own ? testNetwork(target) : network.id;
  const subnets = own ? source.network.subnets.map(({ name }) => name) : named;
  const subnetFor = (wanted: string): ArmId => {
    const found = subnets.find((name) => name.toLowerCase() === wanted.toLowerCase()) ?? subnets[0];
    if (found !== undefined) return armId(`${id}/subnets/${found}`);
    throw new LeewardError("InvalidRequest", `properties.networkId: ${lastSegment(id)} has no subnet`);
  };
  const nics = source.nics.map(({ name, subnet }) => ({ name, subnet: subnetFor(subnet) }));
  return { resourceGroup: target.resourceGroup, vm: testMachine(target), network: id, nics };
}
