import { expect } from "vitest";
import { type ArmClient } from "../../../engine/azure/arm.ts";
import { ensureDisk } from "../../../engine/azure/disk.ts";
import { ensureNetworkInterface } from "../../../engine/azure/network.ts";
import { ensureVirtualMachine } from "../../../engine/azure/virtual-machine.ts";
import { armId } from "../../../engine/core/ids.ts";
import { GIB, bytes } from "../../../engine/core/units.ts";
import { type ItemRecord, lastSegment } from "../../../engine/recovery/item.ts";
import { removeResources } from "../../../functions/activities/remove-resources.ts";
import type { Services } from "../../../functions/services.ts";
import { NORTH, type TestBox, finished, idOf } from "../arm/fixture.ts";

const SIZE = bytes(GIB);

/** As the end of a protection whose machine was failed over: what a failover built is handed over, the rest is deleted. */
export async function takeAway(
  { client }: Pick<TestBox, "client">,
  services: Services,
  arm: ArmClient,
  { machine, job, id }: ItemRecord,
): Promise<void> {
  const { operation } = job;
  const [disk, nic, vm] = [
    idOf("recovery", "Microsoft.Compute/disks", "built"),
    idOf("recovery", "Microsoft.Network/networkInterfaces", "built"),
    idOf("recovery", "Microsoft.Compute/virtualMachines", "built"),
  ];
  const owned = (role: string) => ({ location: NORTH, owner: { machine, role } });
  const subnet = armId(
    `${idOf("recovery", "Microsoft.Network/virtualNetworks", "net-recovery")}/subnets/apps`,
  );
  const spec = { id: disk, sku: "Premium_LRS", source: { from: "empty", size: SIZE } } as const;
  await finished(client, await ensureDisk(client, { ...spec, ...owned("target-disk") }));
  await finished(client, await ensureNetworkInterface(client, { id: nic, subnet, ...owned("target-nic") }));
  const osDisk = { id: disk, caching: "ReadWrite", osType: "Linux" } as const;
  const machineSpec = { size: "Standard_D2s_v5", osDisk, dataDisks: [], networkInterfaces: [nic] };
  await finished(
    client,
    await ensureVirtualMachine(client, { id: vm, ...machineSpec, ...owned("target-vm") }),
  );
  for (const [type, role] of [
    ["networkSecurityGroups", "security-group"],
    ["applicationSecurityGroups", "application-group"],
  ] as const)
    await client.put(idOf("recovery", `Microsoft.Network/${type}`, "shop"), {
      location: NORTH,
      tags: { "leeward-machine": "shared", "leeward-role": role },
    });
  const record = { format: 1, operation, kind: "disable", item: id, machine } as const;
  await services.records.jobs.create(operation, {
    ...record,
    state: "InProgress",
    startTime: job.startTime,
    steps: [],
  });
  for (let more = true; more;) {
    const round = await removeResources(services, { machine, operation });
    for (const begun of round.operations) await finished(arm, { operation: begun });
    ({ more } = round);
  }
  const { removed } = (await services.records.jobs.get(operation))?.value ?? {};
  const types = (things: readonly { readonly type: string }[] = []) =>
    new Set(things.map(({ type }) => lastSegment(type)));
  expect(types(removed?.deleted)).toEqual(
    new Set(["applicationSecurityGroups", "availabilitySets", "networkSecurityGroups", "storageAccounts"]),
  );
  for (const built of ["virtualMachines", "disks", "networkInterfaces"])
    expect(types(removed?.left)).toContain(built);
}
